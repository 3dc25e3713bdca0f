"""Schedules: every change of what is planned happens in the transaction that changes the definition."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.clock import whole_second_after
from shared.errors import NotFound
from shared.manage import quotas, recent
from shared.manage.definition import DEFAULTS, DEFINITION, PAUSE, TIMING, columns
from shared.manage.draft import Draft
from shared.manage.pauses import NOTHING, PAUSABLE, pause_faults, paused
from shared.manage.recent import ExpectedSchedule
from shared.manage.schedule_faults import action_faults, calendar_faults, timing_faults, timing_of
from shared.paging import Page, Slice
from shared.quotas import Kept
from shared.schedule import Schedule, ScheduleId, ScheduleStatus, ScheduleType, Timing
from shared.services import Services
from shared.store import Connection, calendars, schedules
from shared.trigger import TriggerKind
from shared.user import UserId

MISSING = recent.MISSING
RESUMABLE = (ScheduleStatus.INACTIVE, ScheduleStatus.PROCESSED)
EDITED, DELETED = "the schedule was edited", "the schedule was deleted"


class Wish(StrEnum):
    """What a client wants of a schedule's status; the other statuses are Cronny's to set."""

    RUN = "run"
    PAUSE = "pause"


def create_schedule(services: Services, user_id: UserId, draft: Draft) -> Schedule:
    """A new schedule, which the creator plans unless ``status`` wishes a pause. Raises ``Invalid``, ``OverQuota``."""
    now = services.clock.now()
    fields = {**DEFAULTS, **_definition(draft.fields, draft.fields.get("schedule_type"))}
    row = {**fields, "anchor": _anchor(fields, now), "schedule_status": ScheduleStatus.PENDING.value}
    if draft.fields.get("schedule_status") is Wish.PAUSE:
        row["schedule_status"] = ScheduleStatus.INACTIVE.value
    with services.database.begin() as connection:
        plan = quotas.hold(connection, user_id)
        found = [*timing_faults(draft, row, plan, now), *calendar_faults(connection, user_id, draft)]
        draft.accept([*found, *action_faults(connection, user_id, draft)])
        quotas.check_room(connection, user_id, plan, Kept.SCHEDULES)
        calendar_ids = row.pop("calendar_ids", ())
        schedule_id = schedules.create(connection, user_id, row, now)
        if calendar_ids:
            calendars.link(connection, user_id, schedule_id, calendar_ids)
        return _seen(connection, user_id, schedule_id)


def list_schedules(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[Schedule]:
    """The caller's schedules, narrowed by the draft's fields."""
    draft.accept()
    with services.database.begin() as connection:
        return schedules.read_list(connection, user_id, draft.fields, part)


def get_schedule(services: Services, user_id: UserId, schedule_id: ScheduleId) -> Schedule:
    """One schedule; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _seen(connection, user_id, schedule_id)


def change_schedule(
    services: Services,
    user_id: UserId,
    schedule_id: ScheduleId,
    draft: Draft,
    expected: ExpectedSchedule = None,
) -> Schedule:
    """Write the sent fields. Raises ``NotFound``, ``Invalid``, and ``OverQuota`` for one that the plan lets not go on.

    An edit of the definition cancels what was planned by the old one, and so does a pause. What executes goes on.
    """
    now = services.clock.now()
    with services.database.begin() as connection:
        plan = (quotas.hold if _may_ask_more(draft) else quotas.plan_of)(connection, user_id)
        unknown = calendar_faults(connection, user_id, draft)
        current = _locked(connection, user_id, schedule_id, expected)
        edit = _edit(current, draft)
        row = {**columns(current), **edit.changes, "anchor": edit.anchor}
        found = timing_faults(draft, row, plan, now) if edit.retimed else []
        if edit.resumes:
            quotas.check_not_over(connection, user_id, plan)
            found = found or quotas.too_often(timing_of(row), plan, now)
        draft.accept([*found, *pause_faults(draft.fields, now), *unknown, *action_faults(connection, user_id, draft)])
        _write(connection, current, edit, now)
        return _seen(connection, user_id, schedule_id)


def pause_schedule(services: Services, user_id: UserId, schedule_id: ScheduleId, said: Draft = NOTHING) -> Schedule:
    """Cancel what is planned and plan nothing more, until ``resume_at`` if that is said; raises ``Invalid``.

    When it is paused already, that changes nothing but what is said of the pause.
    """
    fields = {**said.fields, "schedule_status": Wish.PAUSE}
    return change_schedule(services, user_id, schedule_id, Draft(fields, said.faults))


def resume_schedule(services: Services, user_id: UserId, schedule_id: ScheduleId) -> Schedule:
    """Have a paused or processed schedule planned from now on; an active one goes on as it is."""
    return change_schedule(services, user_id, schedule_id, Draft({"schedule_status": Wish.RUN}))


def delete_schedule(
    services: Services, user_id: UserId, schedule_id: ScheduleId, expected: ExpectedSchedule = None
) -> None:
    """Hide the schedule and cancel what it has planned; its history stays. Raises ``NotFound``."""
    now = services.clock.now()
    with services.database.begin() as connection:
        _locked(connection, user_id, schedule_id, expected)
        schedules.remove(connection, user_id, schedule_id, now)
        calendars.link(connection, user_id, schedule_id, ())
        schedules.cancel_planned(connection, user_id, schedule_id, DELETED, now)


@dataclass(frozen=True, slots=True)
class _Edit:
    """What a draft means for a schedule as it stands."""

    current: Schedule
    changes: Mapping[str, Any]
    wish: Wish | None

    @property
    def redefined(self) -> bool:
        return any(name in self.changes for name in DEFINITION)

    @property
    def retimed(self) -> bool:
        return any(name in self.changes for name in TIMING)

    @property
    def pauses(self) -> bool:
        return self.wish is Wish.PAUSE and self.current.schedule_status is not ScheduleStatus.INACTIVE

    @property
    def activates(self) -> bool:
        """Whether it is to be planned anew: resumed, or edited while it was not paused."""
        if self.wish is Wish.RUN:
            return self.redefined or self.resumes
        return self.wish is None and self.redefined and self.current.schedule_status is not ScheduleStatus.INACTIVE

    @property
    def resumes(self) -> bool:
        """Whether nothing was planned of it any more, and is to be again."""
        return self.wish is Wish.RUN and self.current.schedule_status in RESUMABLE

    @property
    def anchor(self) -> datetime:
        """Where fixed rates are counted from: an edit of the interval alone keeps the old beat."""
        if "starts_at" not in self.changes:
            return self.current.timing.anchor
        return _anchor(self.changes, self.current.created_at)


def _edit(current: Schedule, draft: Draft) -> _Edit:
    """Only what differs is a change, so that sending back a whole schedule with a new name edits the name."""
    was = columns(current)
    sent = _definition(draft.fields, draft.fields.get("schedule_type", was["schedule_type"]))
    changes = {name: value for name, value in sent.items() if value != was[name]}
    return _Edit(current, changes, draft.fields.get("schedule_status"))


def _may_ask_more(draft: Draft) -> bool:
    return draft.fields.get("schedule_status") is Wish.RUN or any(name in draft.fields for name in TIMING)


def _write(connection: Connection, current: Schedule, edit: _Edit, now: datetime) -> None:
    """1. The row, 2. its planned triggers: in this order everywhere, so that nobody waits for each other in a ring."""
    row = dict(edit.changes)
    if "calendar_ids" in row:
        calendars.link(connection, current.user_id, current.id, row.pop("calendar_ids"))
    if edit.redefined:
        row |= {"anchor": edit.anchor, "version": current.version + 1}
        # Whoever edits what is paused says when it goes on.
        row.setdefault("resume_at", None)
    if any(name in edit.changes for name in PAUSE):
        row["status_note"] = None
    if edit.pauses:
        row |= {"schedule_status": ScheduleStatus.INACTIVE.value, "status_note": None}
    if edit.activates:
        schedules.activate(connection, current.user_id, current.id, row, now)
    elif row:
        schedules.change(connection, current.user_id, current.id, row, now)
    if edit.redefined or edit.pauses:
        why = paused(edit.changes.get("pause_note")) if edit.pauses else EDITED
        kinds = tuple(TriggerKind) if edit.redefined else PAUSABLE
        schedules.cancel_planned(connection, current.user_id, current.id, why, now, kinds)
    if "priority" in edit.changes:
        schedules.prioritise(connection, current.user_id, current.id, edit.changes["priority"])


def _locked(
    connection: Connection, user_id: UserId, schedule_id: ScheduleId, expected: ExpectedSchedule = None
) -> Schedule:
    """The schedule without its runs, held, once it is what is expected."""
    schedule = schedules.lock(connection, user_id, schedule_id)
    if schedule is None:
        raise NotFound(MISSING)
    if expected:
        expected(recent.seen_with_recent(connection, user_id, schedule_id))
    return schedule


def _seen(connection: Connection, user_id: UserId, schedule_id: ScheduleId) -> Schedule:
    schedule = schedules.find(connection, user_id, schedule_id)
    if schedule is None:
        raise NotFound(MISSING)
    return schedule


def _definition(fields: Mapping[str, Any], schedule_type: str | None) -> dict[str, Any]:
    """The columns among the fields. The unit of a single instant means nothing, whatever was sent."""
    written = {name: value for name, value in fields.items() if name != "schedule_status"}
    if "calendar_ids" in written:
        written["calendar_ids"] = tuple(sorted(set(written["calendar_ids"])))
    if "tags" in written:
        written["tags"] = tuple(dict.fromkeys(written["tags"]))
    return written | {"schedule_unit": None} if schedule_type == ScheduleType.ABSOLUTE else written


def _anchor(fields: Mapping[str, Any], otherwise: datetime) -> datetime:
    """A whole second, because due times are: the one of ``starts_at`` or after it, else the one of creation."""
    starts_at: datetime | None = fields["starts_at"]
    if starts_at is None:
        return otherwise.replace(microsecond=0)
    return whole_second_after(starts_at) if starts_at.microsecond else starts_at


def drafted(
    connection: Connection, user_id: UserId, stored: Schedule | None, draft: Draft, now: datetime
) -> tuple[Timing, int | None]:
    """The timing and ``max_runs`` that a draft would make, of a new schedule or the stored one. Raises ``Invalid``."""
    if stored is None:
        fields = {**DEFAULTS, **_definition(draft.fields, draft.fields.get("schedule_type"))}
        row, retimed = {**fields, "anchor": _anchor(fields, now)}, True
    else:
        edit = _edit(stored, draft)
        row, retimed = {**columns(stored), **edit.changes, "anchor": edit.anchor}, edit.retimed
    found = timing_faults(draft, row, quotas.plan_of(connection, user_id), now) if retimed else []
    unknown = calendar_faults(connection, user_id, draft)
    draft.accept([*found, *unknown, *action_faults(connection, user_id, draft)])
    closed = calendars.of_ids(connection, user_id, row.get("calendar_ids", ()))
    return replace(timing_of(row), seed=stored.id if stored else 0, calendars=closed), row.get("max_runs")
