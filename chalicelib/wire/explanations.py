"""Explanations over the wire."""

from typing import Any

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import SentInstant
from shared.explain import Explanation


class ExplainQuery(Wire):
    """Which instant."""

    at: SentInstant = ABSENT


def to_json(explanation: Explanation) -> dict[str, Any]:
    """What a client reads."""
    return {
        "at": explanation.at,
        "outcome": explanation.outcome,
        "sentence": explanation.sentence,
        "trigger_id": explanation.trigger_id,
        "nearest": {"before": explanation.before, "after": explanation.after},
    }
