"""Jobs for tests, with as few words as possible."""

from collections.abc import Sequence
from typing import Any

from shared.job import Condition, ConditionRule, Job, JobId, JobInputType, JsonValue


def job(
    key: int,
    *following: int,
    name: str | None = None,
    kind: JobInputType = JobInputType.STATIC,
    value: JsonValue = None,
    root: bool = False,
    timeout: int = 60,
    job_type: str = "logger",
    fork: Sequence[int] = (),
    on_failure: int | None = None,
    **fields: Any,
) -> Job:
    """A job called ``job-KEY`` after which the first of ``following`` runs, or all of a ``fork``, whatever it answers.

    ``on_failure``: what runs when it has failed.
    """
    rules = [ConditionRule((JobId(other),)) for other in following]
    if fork:
        rules.append(ConditionRule(tuple(JobId(other) for other in fork)))
    return Job(
        id=JobId(key),
        name=name or f"job-{key}",
        job_type=job_type,
        job_input_type=kind,
        job_input_value=value,
        condition=Condition(tuple(rules)),
        is_root_job=root,
        job_timeout_in_secs=timeout,
        on_failure_job_id=None if on_failure is None else JobId(on_failure),
        **fields,
    )
