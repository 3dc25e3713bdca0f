"""Trying out a job before anything fires it, and looking at the input that it would get."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared import placeholders, prepare, trial, unsealing
from shared.action import JobGraph
from shared.errors import Fault, Invalid, NotFound
from shared.job import Job, JobId, JobInputType, JsonObject, JsonValue
from shared.manage import secrets
from shared.manage.draft import Draft
from shared.manage.job_types import JOB_TYPES
from shared.manage.jobs import MISSING, input_faults
from shared.manage.slots import held_slot
from shared.redaction import MARK
from shared.runners.hosts import host_of
from shared.runners.registry import BUILT_IN
from shared.services import Services
from shared.store import Connection, jobs
from shared.store.jsonb import clean, plain
from shared.trial import Samples, Tried
from shared.user import UserId

# A slot stays taken for as long as this, however quick its test is: nobody makes a flood of test buttons.
BETWEEN_TESTS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Previewed:
    """The ``input`` that a job would get, what its type says against it, and whom it would call."""

    input: JsonValue
    faults: tuple[Fault, ...]
    host: str | None


def try_job(services: Services, user_id: UserId, job_id: JobId, draft: Draft) -> Tried:
    """Run a job now, and no other; its condition is not looked at. Raises ``NotFound``, ``Invalid``, ``TooMany``.

    ``input`` of the draft replaces the stored one as it stands; ``samples`` are what templates find.
    """
    now, real = services.clock.now(), services.clock.real_now()
    given = draft.fields.get("input")
    with services.database.begin() as connection:
        job, graph = _loaded(connection, user_id, job_id)
        named = [(job.job_input_value, job.job_input_type)] if given is None else [(given, JobInputType.STATIC)]
        reveal = unsealing.secrets_of(services, connection, user_id, named, now)
    draft.accept()
    samples = draft.fields.get("samples") or Samples()
    with held_slot(services, user_id, real, timedelta(seconds=trial.seconds_for(job)), BETWEEN_TESTS):
        done, context = samples.done(graph, now), samples.context(now)
        prepared = prepare.prepare(job, graph, done, context, reveal, opened={}, replaced=given)
        return _storable(trial.try_out(services.runners.get(job.job_type), job, prepared, user_id, now))


def preview_input(services: Services, user_id: UserId, draft: Draft) -> Previewed:
    """The input of a job, stored (``job_id``) or not yet, with its templates filled in. Nothing is called.

    Raises ``Invalid``, also where the templates cannot be filled in.
    """
    now = services.clock.now()
    samples = draft.fields.get("samples") or Samples()
    with services.database.begin() as connection:
        found, graph, faults = _asked_for(connection, user_id, draft, samples)
        job = _applied(draft, found)
        value, kind = job.job_input_value, job.job_input_type
        draft.accept([*faults, *secrets.unknown(connection, user_id, value, kind, "job_input_value")])
    # Secrets stay sealed: what is shown has none in it anyway.
    masked = {name: MARK for _, name in placeholders.named(value, kind)}
    made = _made(job, graph, samples, now, masked)
    wrong = input_faults(made, job.job_type, "input") if job.job_type in BUILT_IN else []
    told = tuple(placeholders.excused(wrong, value, "input"))
    return Previewed(plain(prepare.shown(job, made, {})[0]), told, host_of(job.job_type, made))


def _storable(tried: Tried) -> Tried:
    """A test as a record of it would show it."""
    outcome = replace(tried.outcome, output=plain(tried.outcome.output), error=clean(tried.outcome.error))
    return replace(tried, input=plain(tried.input), outcome=outcome)


def _loaded(connection: Connection, user_id: UserId, job_id: JobId) -> tuple[Job, JobGraph]:
    stored = jobs.find(connection, user_id, job_id)
    if stored is None:
        raise NotFound(MISSING)
    of_action = jobs.of_actions(connection, user_id, [stored.action_id])
    return stored.job, JobGraph(tuple(other.job for other in of_action))


def _asked_for(
    connection: Connection, user_id: UserId, draft: Draft, samples: Samples
) -> tuple[Job, JobGraph, list[Fault]]:
    """The job to begin with, those around it, and what is wrong with how it is named."""
    job_id, job_type = draft.fields.get("job_id"), draft.fields.get("job_type")
    blank, around = _blank(samples)
    if job_id is not None:
        try:
            return *_loaded(connection, user_id, job_id), []
        except NotFound:
            return blank, around, [Fault("job_id", "there is no such job")]
    needed = draft.understood("job_id", "job_type") and job_type not in BUILT_IN
    return blank, around, [Fault("job_type", f"must be one of {JOB_TYPES} (or name a job_id)")] if needed else []


def _blank(samples: Samples) -> tuple[Job, JobGraph]:
    """A job that is not stored yet, among others of which only the names are known."""
    blank = Job(JobId(0), "", "", JobInputType.STATIC, {})
    named = (replace(blank, id=JobId(-number), name=name) for number, name in enumerate(samples.jobs, 1))
    return blank, JobGraph(tuple(named))


def _applied(draft: Draft, job: Job) -> Job:
    names = ("job_type", "job_input_type", "job_input_value")
    return replace(job, **{name: draft.fields[name] for name in names if draft.fields.get(name) is not None})


def _made(job: Job, graph: JobGraph, samples: Samples, now: datetime, values: Mapping[str, str]) -> JsonValue:
    try:
        return trial.made_input(job, graph, samples, now, values)
    except Invalid as error:
        # A template's own words name a place within the input.
        places = [Fault(_place(fault.field), fault.message) for fault in error.faults]
        raise Invalid(places) from error


def _place(field: str) -> str:
    return field if field.startswith("job_input_value") else f"job_input_value.{field}"


def parse_samples(value: object, field: str = "samples") -> Samples:
    """Samples from JSON: {"jobs": {NAME: {"output": ...}}, "schedule": {...}, "trigger": {...}}. Raises ``Invalid``."""
    if value is None:
        return Samples()
    if not isinstance(value, Mapping):
        raise Invalid.field(field, 'it must be an object such as {"jobs": {"NAME": {"output": {}}}}')
    unknown = [name for name in value if name not in ("jobs", "schedule", "trigger")]
    faults = [Fault(f"{field}.{name}", "is none of jobs, schedule, trigger") for name in unknown]
    faults += [Fault(f"{field}.{name}", "must be an object") for name in value if not isinstance(value[name], Mapping)]
    jobs_given = value.get("jobs")
    given: JsonObject = jobs_given if isinstance(jobs_given, Mapping) else {}
    wrong = [name for name, job in given.items() if not isinstance(job, Mapping)]
    faults += [Fault(f"{field}.jobs.{name}", 'must be an object such as {"output": {}}') for name in wrong]
    if faults:
        raise Invalid(faults)
    return Samples(given, value.get("schedule") or {}, value.get("trigger") or {})
