"""How Cronny is, over the wire."""

from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from chalicelib.wire.described import told
from shared import VERSION
from shared.manage.readiness import Readiness

AWAY = "The database does not answer: nothing fires until it is back, and what is missed meanwhile is caught up."

Status = Annotated[Literal["ok", "unavailable"], told("ok, or unavailable.")]


class AliveJson(TypedDict):
    """The API answers."""

    status: Status
    version: Annotated[str, told("The version that answers.")]


class ReadyJson(AliveJson):
    """Whether schedules fire."""

    database: Annotated[Literal["ok", "away"], told("Whether the database answers; without it nothing else is known.")]
    heartbeat_age_seconds: NotRequired[
        Annotated[Mapping[str, float | None], told("When each function was last heard of; null is never.")]
    ]
    instances: NotRequired[Annotated[Mapping[str, int], told("How many processes of each function live.")]]
    creator_lag_seconds: NotRequired[Annotated[float, told("For how long the oldest due trigger has waited.")]]
    problems: Annotated[list[str], told("What is wrong, in sentences.")]


def alive() -> AliveJson:
    """What says that the API answers."""
    return {"status": "ok", "version": VERSION}


def away() -> ReadyJson:
    """What says that the database does not."""
    return {"status": "unavailable", "version": VERSION, "database": "away", "problems": [AWAY]}


def to_json(readiness: Readiness) -> ReadyJson:
    """What load balancers and people read."""
    ages = {name: None if age is None else round(age, 1) for name, age in readiness.heartbeat_ages.items()}
    return {
        "status": "ok" if readiness.ready else "unavailable",
        "version": VERSION,
        "database": "ok",
        "heartbeat_age_seconds": ages,
        "instances": readiness.instances,
        "creator_lag_seconds": round(readiness.lag, 1),
        "problems": [*readiness.hindrances, *readiness.warnings],
    }
