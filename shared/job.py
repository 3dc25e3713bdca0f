"""Jobs: one step of an action. Job templates: the catalogue of what a step can be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from shared.retry import RetryPolicy
from shared.user import UserId

JobId = NewType("JobId", int)
JobTemplateId = NewType("JobTemplateId", int)

JsonValue = None | bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
JsonObject = Mapping[str, JsonValue]

DEFAULT_TIMEOUT_SECONDS = 60
MAX_TIMEOUT_SECONDS = 600


class JobInputType(StrEnum):
    """Where a job's input comes from."""

    STATIC = "static_input"
    JOB_OUTPUT = "job_output_as_input"
    TEMPLATE = "job_input_as_template"


class Delivery(StrEnum):
    """What is worse for the target: to get a job twice, or to miss one that may or may not have arrived."""

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"


class Comparison(StrEnum):
    """How a condition compares a field of a job's output with a value."""

    EQUALITY = "equality"
    GREATER_THAN = "greater_than"
    LESSER_THAN = "lesser_than"
    CONTAINS = "contains"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Filter:
    """One comparison: ``name`` is a JMESPath into the job's output; ``should_match`` False negates."""

    name: str
    comparison_type: Comparison
    value: JsonValue = None
    should_match: bool = True


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """When every filter holds (and ``when``, a JMESPath, is truthy), ``job_ids`` run next: one, or several (a fork)."""

    job_ids: tuple[JobId, ...]
    filters: tuple[Filter, ...] = ()
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Which jobs follow: the first rule that holds. No rule that holds ends this way, which is success."""

    rules: tuple[ConditionRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One step: what kind (``job_type``), with which input, for how long at most, and what follows.

    ``retry`` None: a failure is final. ``on_failure_job_id``: what runs once it has failed for good. ``host`` is the
    host:port that it calls, where its input says so as it stands.
    """

    id: JobId
    name: str
    job_type: str
    job_input_type: JobInputType
    job_input_value: JsonValue
    condition: Condition = field(default_factory=Condition)
    is_root_job: bool = False
    job_timeout_in_secs: int = DEFAULT_TIMEOUT_SECONDS
    retry: RetryPolicy | None = None
    delivery: Delivery = Delivery.AT_LEAST_ONCE
    host: str | None = None
    on_failure_job_id: JobId | None = None

    @property
    def condition_leads_to(self) -> tuple[JobId, ...]:
        """Every job that its condition names, each once, in order."""
        return tuple(dict.fromkeys(job_id for rule in self.condition.rules for job_id in rule.job_ids))

    @property
    def leads_to(self) -> tuple[JobId, ...]:
        """The same, and the job that runs when it has failed."""
        own = () if self.on_failure_job_id is None else (self.on_failure_job_id,)
        return tuple(dict.fromkeys((*self.condition_leads_to, *own)))


@dataclass(frozen=True, slots=True)
class JobTemplate:
    """A job type with the JSON Schema of its input (``user_id`` None: built in) or a user's preset of one."""

    id: JobTemplateId
    user_id: UserId | None
    name: str
    job_type: str
    description: str | None
    input_schema: JsonObject
    default_input: JsonObject
    created_at: datetime
    updated_at: datetime
