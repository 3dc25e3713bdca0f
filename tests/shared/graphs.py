"""Jobs for tests, with as few words as possible."""

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
    **fields: Any,
) -> Job:
    """A job called ``job-KEY`` after which the first of ``following`` runs, whatever it answers."""
    return Job(
        id=JobId(key),
        name=name or f"job-{key}",
        job_type=job_type,
        job_input_type=kind,
        job_input_value=value,
        condition=Condition(tuple(ConditionRule(JobId(other)) for other in following)),
        is_root_job=root,
        job_timeout_in_secs=timeout,
        **fields,
    )
