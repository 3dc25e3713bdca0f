"""What is to be done in a laboratory: schedules of every type, with actions that call the target."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from shared.action import ActionId
from shared.failure import FailureKind
from shared.job import JobId
from shared.schedule import ScheduleId
from shared.services import Services
from shared.user import UserId
from tests.world import new_action, new_job, new_schedule, new_user, set_schedule

JOB_TIMEOUT = 2
# What the target is told of the occurrence, so that it can tell two of them apart without Cronny's rows.
OCCURRENCE = "{{ schedule.id }}@{{ trigger.due_at }}"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose schedules they are, and whom their jobs call."""

    services: Services
    user_id: UserId
    target: str

    def call(self, action_id: ActionId, path: str, **fields: Any) -> JobId:
        """A job of an action that calls the target under a path."""
        url = f"{self.target}{path}?of={OCCURRENCE}&job={fields.get('name', 'call')}"
        row: dict[str, Any] = {
            "name": "call",
            "job_type": "http",
            "job_input_type": "job_input_as_template",
            "job_input_value": {"url": url, "method": "POST"},
            "job_timeout_in_secs": JOB_TIMEOUT,
        }
        return new_job(self.services, self.user_id, action_id, **row | fields)

    def single(self, path: str = "/ok") -> ActionId:
        """An action of one call."""
        action_id = self._action()
        self.call(action_id, path)
        return action_id

    def flaky(self, path: str = "/flaky") -> ActionId:
        """An action of one call whose first try always fails, and is tried again after a second."""
        action_id = self._action()
        policy = {"max_attempts": 5, "backoff": "fixed", "base": 1, "cap": 1, "jitter": "none", "on": list(FailureKind)}
        self.call(action_id, path, retry=policy)
        return action_id

    def once(self) -> ActionId:
        """An action of one call that is sent at most once."""
        action_id = self._action()
        self.call(action_id, "/ok", delivery="at_most_once")
        return action_id

    def chain(self) -> ActionId:
        """An action of two calls, the second when the first was answered well."""
        action_id = self._action()
        second = self.call(action_id, "/ok", name="second", is_root_job=False)
        rule = {"job_id": second, "filters": [{"name": "body.ok", "comparison_type": "equality", "value": True}]}
        self.call(action_id, "/slow/100", name="first", condition={"version": 1, "condition_rules": [rule]})
        return action_id

    def recurring(self, action_id: ActionId, seconds: int, until: datetime | None, **fields: Any) -> ScheduleId:
        """Each so many seconds until an instant."""
        timing = {"schedule_value": str(seconds), "schedule_unit": "second", "ends_at": until}
        return new_schedule(self.services, self.user_id, action_id, **timing | fields)

    def absolute(self, action_id: ActionId, at: datetime, **fields: Any) -> ScheduleId:
        """Once."""
        timing = {"schedule_type": "absolute", "schedule_value": at.isoformat(), "schedule_unit": None}
        return new_schedule(self.services, self.user_id, action_id, **timing | fields)

    def relative(self, action_id: ActionId, seconds: int, runs: int | None, **fields: Any) -> ScheduleId:
        """So many seconds after each run, so many times."""
        timing = {"schedule_type": "relative", "schedule_value": str(seconds), "schedule_unit": "second"}
        return new_schedule(self.services, self.user_id, action_id, **timing | {"max_runs": runs} | fields)

    def paused(self, action_id: ActionId, until: datetime) -> ScheduleId:
        """Once, two seconds after the end of a pause."""
        at = until.replace(microsecond=0) + timedelta(seconds=2)
        return self.absolute(action_id, at, schedule_status="inactive", resume_at=until)

    def end(self, schedule_id: ScheduleId, until: datetime) -> None:
        """Have a schedule end, by its row."""
        set_schedule(self.services, schedule_id, ends_at=until)

    def _action(self) -> ActionId:
        return new_action(self.services, self.user_id, f"action-{uuid4().hex[:8]}")


def new_owner(services: Services, target: str) -> Owner:
    """A user of its own."""
    return Owner(services, new_user(services, f"user-{uuid4().hex[:12]}"), target)


def a_handful(owner: Owner, seconds: int) -> None:
    """Some of everything, over within so many seconds from now."""
    now = owner.services.clock.now()
    until = now + timedelta(seconds=seconds)
    owner.recurring(owner.single(), 1, until)
    owner.recurring(owner.chain(), 2, until)
    owner.absolute(owner.single(), (now + timedelta(seconds=2)).replace(microsecond=0))
    owner.absolute(owner.single("/slow/300"), (now + timedelta(seconds=3)).replace(microsecond=0))
    owner.absolute(owner.flaky(), (now + timedelta(seconds=2)).replace(microsecond=0))
    owner.recurring(owner.once(), 2, until)
    owner.relative(owner.single(), 1, runs=3)


def a_crowd(owner: Owner, number: int) -> None:
    """So many at once, more than its user may have on the way together."""
    at = (owner.services.clock.now() + timedelta(seconds=3)).replace(microsecond=0)
    action = owner.single("/slow/300")
    for _ in range(number):
        owner.absolute(action, at)
