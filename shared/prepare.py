"""What a job's runner is handed, and what everybody else may see of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared import inputs, placeholders
from shared.attempt import Attempt
from shared.errors import Invalid, KeyAway
from shared.job import Job, JobId, JobInputType, JsonObject, JsonValue
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.redaction import Redaction
from shared.runners.credentials import typed_in

# Later jobs may be answered what earlier ones have sent: so many secrets are looked for in everything that follows.
MOST_REMEMBERED = 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job's ``input`` for its runner; ``shown``, the same without secrets, for all that is stored, logged or judged.

    ``redaction`` is for whatever the runner says. ``unusable``: why there is no input.
    """

    input: JsonValue
    shown: JsonValue
    redaction: Redaction
    unusable: Outcome | None = None


def prepare(
    attempt: Attempt, job: Job, ended: Mapping[JobId, JobExecution], context: JsonObject, opened: dict[str, str]
) -> Prepared:
    """The job's input with its secrets, which are opened for it and added to ``opened``."""
    replaced = attempt.job_inputs.get(str(job.id))
    written, kind = (job.job_input_value, job.job_input_type) if replaced is None else (replaced, JobInputType.STATIC)
    try:
        names = {name for _, name in placeholders.named(written, kind)}
        values = attempt.reveal(names) if names else {}
        _remember(opened, values)
        if replaced is None:
            made = inputs.job_input(job, attempt.graph, ended, context, values)
        else:
            made = placeholders.fill(replaced, values)
    except KeyAway as error:
        return _without(job, written, opened, f"its secrets cannot be opened: {error}", FailureKind.KEY_AWAY)
    except Invalid as error:
        return _without(job, written, opened, f"its input cannot be made: {error}", FailureKind.INVALID_INPUT)
    redaction = _redaction(job, made, opened)
    return Prepared(made, redaction.value(made), redaction)


def _remember(opened: dict[str, str], values: Mapping[str, str]) -> None:
    if len(opened) + len(values) > MOST_REMEMBERED:
        opened.clear()
    opened.update(values)


def _without(job: Job, written: JsonValue, opened: dict[str, str], why: str, kind: FailureKind) -> Prepared:
    redaction = _redaction(job, written, opened)
    return Prepared(None, redaction.value(written), redaction, Outcome.failed(why, kind=kind))


def _redaction(job: Job, value: JsonValue, opened: Mapping[str, str]) -> Redaction:
    return Redaction((*opened.values(), *typed_in(job.job_type, value)))
