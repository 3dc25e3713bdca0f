"""Runners: how each job type does its work. One file a type, and one line in ``registry``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.user import UserId

# Of what Cronny does for itself: no user has this id.
NOBODY = UserId(0)


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a runner knows about the run it is part of.

    ``deadline`` is an instant of ``time.monotonic()`` after which nobody waits for the answer. ``idempotency_key`` is
    the same for every attempt of the same job in the same trigger, so that a target can drop repeats. ``once``: what
    may have been sent must not be sent again. ``at`` is when it began, by Cronny's clock. ``redact`` is for whatever a
    runner writes into the log: what it answers is redacted by others. ``user_id``: whose job it is. ``trace_id`` is
    that of the trigger, empty where a request belongs to none.
    """

    deadline: float
    idempotency_key: str
    trigger_id: int
    attempt: int
    once: bool = False
    at: datetime | None = None
    redact: Callable[[str], str] = str
    user_id: UserId = NOBODY
    trace_id: str = ""


class Runner(Protocol):
    """One job type. It answers an ``Outcome`` for anything that the target or the input may do wrong."""

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Do the work of one attempt before ``context.deadline``; input that it cannot use is a failed outcome."""
        ...


@dataclass(frozen=True, slots=True)
class JobType:
    """A kind of job for the catalogue. ``input_schema`` is JSON Schema (draft 2020-12), fit to draw a form from."""

    name: str
    title: str
    description: str
    input_schema: JsonObject
