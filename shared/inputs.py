"""A job's input: written down, taken from another job's output, or filled in from a template.

What is written down is taken as it stands, but for the secrets that it names.
"""

import json
from collections.abc import Mapping
from typing import assert_never

from shared import placeholders, templating
from shared.action import JobGraph
from shared.errors import Fault, Invalid
from shared.job import Job, JobId, JobInputType, JsonObject, JsonValue
from shared.outcome import JobExecution
from shared.untrusted import MAX_DEPTH, deeper_than

FIELD = "job_input_value"


def parse(value: JsonValue, kind: JobInputType) -> JsonValue:
    """The value from JSON or from its text, which is how old clients send it; other text stays text.

    Raises ``Invalid`` for text that sets out to be an object or a list and is no JSON.
    """
    if not isinstance(value, str):
        return value
    try:
        parsed: JsonValue = json.loads(value)
    except (ValueError, RecursionError) as error:
        if not value.lstrip().startswith(("[", "{")) or value.lstrip().startswith("{{"):
            return value
        hint = "; put {{ }} inside quotes" if kind is JobInputType.TEMPLATE else ""
        raise Invalid.field(FIELD, f"this is not JSON{hint}") from error
    return parsed


def job_input(
    job: Job,
    graph: JobGraph,
    done: Mapping[JobId, JobExecution],
    context: JsonObject,
    secrets: Mapping[str, str] = templating.NO_SECRETS,
) -> JsonValue:
    """What to hand to the job's runner. ``done`` are the jobs of *this* trigger that have ended.

    Any JSON may come out of it; a runner that needs an object says so. Raises ``Invalid``.
    """
    value = _gathered(job, graph, done, context, secrets)
    # Jobs that wrap each other's outputs would otherwise reach what cannot be stored.
    if deeper_than(value, MAX_DEPTH):
        raise Invalid.field("input", "it is nested too deeply")
    return value


def check(job: Job, graph: JobGraph) -> list[Fault]:
    """What is wrong with the job's input before it ever runs, under ``job_input_value``.

    ``graph`` has the jobs of its action; whether a static input suits the job type is for the type's schema to say.
    """
    try:
        if job.job_input_type is JobInputType.TEMPLATE:
            templating.check(job.job_input_value)
        if job.job_input_type is JobInputType.JOB_OUTPUT:
            _check_source(job, graph)
    except Invalid as error:
        return [Fault(_inside(fault.field), fault.message) for fault in error.faults]
    return []


def source(job: Job, graph: JobGraph) -> Job | None:
    """The job whose output this one takes; None when it is not of this action. Raises ``Invalid`` when none is named.

    Named as {"job_id": 12}, {"job_id": "12"}, {"job": "name"}, 12 or "name".
    """
    value = job.job_input_value
    if isinstance(value, Mapping):
        value = value.get("job_id") if value.get("job_id") is not None else value.get("job")
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise Invalid.field(FIELD, 'name the job whose output to take: {"job": "name"} or {"job_id": 12}')
    return _named(value, graph)


def _gathered(
    job: Job,
    graph: JobGraph,
    done: Mapping[JobId, JobExecution],
    context: JsonObject,
    secrets: Mapping[str, str],
) -> JsonValue:
    match job.job_input_type:
        case JobInputType.STATIC:
            return placeholders.fill(job.job_input_value, secrets)
        case JobInputType.TEMPLATE:
            return templating.resolve(job.job_input_value, context, secrets)
        case JobInputType.JOB_OUTPUT:
            return _output_of(job, graph, done)
        case _:
            assert_never(job.job_input_type)


def _named(key: int | str, graph: JobGraph) -> Job | None:
    # A name wins over an id that is written the same way: whoever calls a job "12" means it.
    named = next((job for job in graph.jobs if job.name == key), None)
    return named or next((job for job in graph.jobs if str(job.id) == str(key)), None)


def _output_of(job: Job, graph: JobGraph, done: Mapping[JobId, JobExecution]) -> JsonValue:
    origin = source(job, graph)
    if origin is None:
        raise Invalid.field(FIELD, "the job whose output it takes is not of this action any more")
    execution = done.get(origin.id)
    if execution is None:
        raise Invalid.field(FIELD, f"it takes the output of {origin.name}, which did not run before it")
    return execution.outcome.output


def _check_source(job: Job, graph: JobGraph) -> None:
    origin = source(job, graph)
    if origin is None:
        raise Invalid.field(FIELD, "it takes the output of a job that is not of this action")
    if origin.id == job.id:
        raise Invalid.field(FIELD, "a job cannot take its own output")


def _inside(field: str) -> str:
    if field in (FIELD, "input"):
        return FIELD
    return FIELD + field if field.startswith("[") else f"{FIELD}.{field}"
