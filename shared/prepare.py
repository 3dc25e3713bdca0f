"""What a job's runner is handed, and what everybody else may see of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared import inputs, placeholders
from shared.action import JobGraph
from shared.errors import Invalid, KeyAway
from shared.job import Job, JobId, JobInputType, JsonObject, JsonValue
from shared.outcome import FailureKind, JobExecution, Outcome
from shared.redaction import Redaction
from shared.runners.credentials import typed_in
from shared.secret import Reveal

# Later jobs may be answered what earlier ones have sent: so many secrets are looked for in everything that follows.
MOST_REMEMBERED = 40
# A password such as "admin" that was typed into a job is taken out of its input only: in answers it may be a word that
# a condition looks for. Secrets are taken out whatever they are.
MIN_TYPED = 8


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
    job: Job,
    graph: JobGraph,
    ended: Mapping[JobId, JobExecution],
    context: JsonObject,
    reveal: Reveal,
    *,
    opened: dict[str, str],
    replaced: JsonValue = None,
) -> Prepared:
    """The job's input with its secrets, which ``reveal`` opens for it and which are added to ``opened``.

    ``replaced``: what to take instead of its input, without templates; None takes its own.
    """
    written, kind = (job.job_input_value, job.job_input_type) if replaced is None else (replaced, JobInputType.STATIC)
    try:
        names = {name for _, name in placeholders.named(written, kind)}
        values = reveal(names) if names else {}
        _remember(opened, values)
        if replaced is None:
            made = inputs.job_input(job, graph, ended, context, values)
        else:
            made = placeholders.fill(replaced, values)
    except KeyAway as error:
        return _without(job, written, opened, f"its secrets cannot be opened: {error}", FailureKind.KEY_AWAY)
    except Invalid as error:
        return _without(job, written, opened, f"its input cannot be made: {error}", FailureKind.INVALID_INPUT)
    return Prepared(made, *shown(job, made, opened))


def _remember(opened: dict[str, str], values: Mapping[str, str]) -> None:
    if len(opened) + len(values) > MOST_REMEMBERED:
        opened.clear()
    opened.update(values)


def _without(job: Job, written: JsonValue, opened: dict[str, str], why: str, kind: FailureKind) -> Prepared:
    return Prepared(None, *shown(job, written, opened), Outcome.failed(why, kind=kind))


def shown(job: Job, value: JsonValue, opened: Mapping[str, str]) -> tuple[JsonValue, Redaction]:
    """An input as everybody may see it, and what to take out of that which its runner says."""
    typed = frozenset(typed_in(job.job_type, value))
    redaction = Redaction((*opened.values(), *(each for each in typed if len(each) >= MIN_TYPED)))
    return redaction.and_of(typed).value(value), redaction
