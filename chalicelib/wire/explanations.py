"""Explanations over the wire."""

from datetime import datetime
from typing import Annotated

from typing_extensions import TypedDict

from chalicelib.wire.described import sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import SentInstant
from shared.explain import Explained, Explanation


class ExplainQuery(Wire):
    """Which instant."""

    at: SentInstant = sent("The instant, to the second; now unless told otherwise.")


class NearestJson(TypedDict):
    """The times around it at which the timetable lets the schedule run."""

    before: Annotated[datetime | None, told("The one before.")]
    after: Annotated[datetime | None, told("The one after.")]


class ExplanationJson(TypedDict):
    """What a schedule had, or will have, to do with an instant."""

    at: Annotated[datetime, told("The instant.")]
    outcome: Annotated[Explained, told("What became of it, for programs.")]
    sentence: Annotated[str, told("What became of it, for people.")]
    trigger_id: Annotated[int | None, told("The trigger of that instant, while it is kept.")]
    nearest: Annotated[NearestJson, told("Times around it at which the schedule may run.")]


def to_json(explanation: Explanation) -> ExplanationJson:
    """What a client reads."""
    return {
        "at": explanation.at,
        "outcome": explanation.outcome,
        "sentence": explanation.sentence,
        "trigger_id": explanation.trigger_id,
        "nearest": {"before": explanation.before, "after": explanation.after},
    }
