"""Runs beside the timetable are dispatched, run, recovered and kept like planned ones, and move nothing."""

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shared.clean import DETAILS_KEPT, clean
from shared.dispatch import dispatch
from shared.errors import Conflict, Invalid, NotFound
from shared.execute import execute
from shared.manage import runs
from shared.manage.draft import Draft
from shared.manage.runs import PER_SECOND, backfill, cancel_trigger, choose, run_now
from shared.manage.schedules import change_schedule, delete_schedule, pause_schedule, resume_schedule
from shared.plan import plan
from shared.recover import recover
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store import executing
from shared.store.tables import job_executions, ledger
from shared.trigger import Trigger, TriggerId
from tests.fakes import RecordedQueue, SetClock
from tests.shared.manage.test_schedules import at_once, owner
from tests.world import (
    complete_all,
    due_times,
    new_logger_schedule,
    new_schedule,
    set_schedule,
    set_trigger,
    the_executions,
    the_schedule,
    the_triggers,
)

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("sound")


def asked(services: Services, schedule: ScheduleId, **fields: Any) -> Trigger:
    return run_now(services, owner(services, schedule), schedule, Draft(fields))


def backfilled(services: Services, schedule: ScheduleId, **fields: Any) -> runs.Backfilled:
    return backfill(services, owner(services, schedule), schedule, Draft(fields))


def of_kind(services: Services, schedule: ScheduleId, kind: str) -> list[Any]:
    return [row for row in the_triggers(services, schedule) if row.kind == kind]


def statuses(services: Services, schedule: ScheduleId, kind: str) -> list[str]:
    return [row.status for row in of_kind(services, schedule, kind)]


def run_pack(services: Services, *trigger_ids: int) -> None:
    execute(services, [TriggerId(trigger_id) for trigger_id in trigger_ids], time.monotonic() + 30)


def lose(services: Services, trigger_id: int, clock: SetClock) -> None:
    """An executor claims the queued trigger and dies."""
    with services.database.begin() as connection:
        assert executing.claim(connection, [TriggerId(trigger_id)], clock.now(), clock.speed)
    clock.forward(60)


@pytest.mark.parametrize("status", ["pending", "processing", "processed", "inactive"])
def test_a_run_now_is_queued_whatever_the_schedule_does(
    services: Services, queue: RecordedQueue, clock: SetClock, status: str
) -> None:
    schedule = new_logger_schedule(services, schedule_status=status, exhausted=True)
    before = the_schedule(services, schedule)
    trigger = asked(services, schedule)
    dispatch(services, clock.forward(1))
    assert queue.packs == [(trigger.id,)]
    assert statuses(services, schedule, "manual") == ["queued"]
    assert of_kind(services, schedule, "planned") == []
    after = the_schedule(services, schedule)
    assert (after.schedule_status, after.runs) == (before.schedule_status, before.runs)


def test_a_run_now_gets_its_own_input_and_the_next_planned_one_the_schedules(
    services: Services, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services, input={"who": "everybody"})
    plan(services, clock.now())
    asked(services, schedule, input={"who": "ada"})
    asked(services, schedule)
    dispatch(services, clock.forward(11))
    ids = [TriggerId(row.id) for row in the_triggers(services, schedule) if row.status == "queued"]
    with services.database.begin() as connection:
        claims = executing.claim(connection, ids, clock.now(), clock.speed)
    given = sorted((claim.kind, claim.schedule_input["who"]) for claim in claims)
    assert given == [("manual", "ada"), ("manual", "everybody"), ("planned", "everybody")]


def test_runs_that_are_asked_for_at_the_same_instant_are_runs_of_their_own(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    clock.instant = clock.instant.replace(microsecond=0)
    assert len({asked(services, schedule).due_at for _ in range(3)}) == 3
    assert all(row.due_at.microsecond for row in of_kind(services, schedule, "manual"))


def test_a_run_now_neither_moves_the_timetable_nor_uses_up_its_runs(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, max_runs=2)
    plan(services, clock.now())
    anchor = the_schedule(services, schedule).anchor
    for _ in range(4):
        asked(services, schedule)
        dispatch(services, clock.forward(10))
    planned = of_kind(services, schedule, "planned")
    assert [row.due_at for row in planned] == [anchor + timedelta(seconds=10), anchor + timedelta(seconds=20)]
    assert the_schedule(services, schedule).runs == 2


def test_a_run_now_of_a_relative_schedule_starts_no_second_chain(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, schedule_type="relative", schedule_value="60")
    plan(services, clock.now())
    trigger = asked(services, schedule)
    dispatch(services, clock.forward(1))
    run_pack(services, trigger.id)
    assert statuses(services, schedule, "manual") == ["completed"]
    assert statuses(services, schedule, "planned") == ["scheduled"]


def test_a_run_now_that_goes_on_does_not_keep_a_relative_schedule_from_its_next_run(
    services: Services, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services, schedule_type="relative")
    plan(services, clock.now())
    dispatch(services, clock.forward(11))
    asked(services, schedule)
    run_pack(services, of_kind(services, schedule, "planned")[0].id)
    assert statuses(services, schedule, "planned") == ["completed", "scheduled"]


def test_resuming_a_relative_schedule_plans_it_although_a_run_now_waits(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, schedule_type="relative", schedule_status="inactive")
    asked(services, schedule)
    resume_schedule(services, owner(services, schedule), schedule)
    plan(services, clock.now())
    assert statuses(services, schedule, "planned") == ["scheduled"]


def test_a_lost_run_now_of_a_paused_relative_schedule_is_tried_again_and_plans_nothing(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services, schedule_type="relative", schedule_status="inactive")
    trigger = asked(services, schedule)
    for _ in range(3):
        dispatch(services, clock.forward(1))
        lose(services, trigger.id, clock)
        recover(services, clock.now())
    (row,) = the_triggers(services, schedule)
    assert (row.status, row.attempt) == ("failed", 3)


@pytest.mark.parametrize("change", ["edit", "delete"])
def test_a_lost_run_of_an_edited_or_deleted_schedule_is_not_tried_again(
    services: Services, clock: SetClock, change: str
) -> None:
    schedule = new_logger_schedule(services)
    trigger = asked(services, schedule)
    dispatch(services, clock.forward(1))
    lose(services, trigger.id, clock)
    if change == "edit":
        change_schedule(services, owner(services, schedule), schedule, Draft({"schedule_value": "20"}))
    else:
        delete_schedule(services, owner(services, schedule), schedule)
    recover(services, clock.now())
    assert statuses(services, schedule, "manual") == ["failed"]


def test_a_pause_leaves_a_run_now_alone_and_an_edit_or_a_deletion_does_not(services: Services, clock: SetClock) -> None:
    schedule = old_schedule(services, clock)
    user = owner(services, schedule)
    plan(services, clock.now())
    asked(services, schedule)
    backfilled(services, schedule, since=clock.now() - HOUR / 2, until=clock.now() - HOUR / 4, policy="latest")
    pause_schedule(services, user, schedule)
    assert [statuses(services, schedule, kind) for kind in ("planned", "backfill", "manual")] == [
        ["cancelled"],
        ["cancelled"],
        ["scheduled"],
    ]
    change_schedule(services, user, schedule, Draft({"schedule_value": "20"}))
    assert statuses(services, schedule, "manual") == ["cancelled"]
    asked(services, schedule)
    delete_schedule(services, user, schedule)
    assert statuses(services, schedule, "manual") == ["cancelled", "cancelled"]
    with pytest.raises(NotFound):
        asked(services, schedule)


def test_a_schedule_is_processed_although_a_run_now_waits(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services, schedule_status="processing", exhausted=True)
    asked(services, schedule)
    plan(services, clock.now())
    assert the_schedule(services, schedule).schedule_status == "processed"


def test_a_run_now_and_a_dispatch_at_the_same_moment_are_both_done(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    now = clock.forward(15)
    for _ in range(5):
        at_once(lambda: dispatch(services, now), lambda: asked(services, schedule), lambda: dispatch(services, now))
    clock.forward(1)
    dispatch(services, clock.now())
    dispatch(services, clock.now())
    decided = [row.status == "queued" or row.hold == "limit" for row in the_triggers(services, schedule)]
    assert decided == [True] * 6 + [False]
    assert len(statuses(services, schedule, "manual")) == 5


def test_a_deletion_and_a_run_now_at_the_same_moment_leave_nothing_planned(services: Services) -> None:
    schedule = new_logger_schedule(services)
    user = owner(services, schedule)

    def try_to_run() -> None:
        try:
            asked(services, schedule)
        except NotFound:
            return

    at_once(try_to_run, lambda: delete_schedule(services, user, schedule))
    assert set(statuses(services, schedule, "manual")) <= {"cancelled"}


def old_schedule(services: Services, clock: SetClock, **fields: Any) -> ScheduleId:
    """Every ten seconds for an hour already, of which nothing was planned."""
    start = clock.now().replace(microsecond=0) - HOUR
    return new_logger_schedule(services, anchor=start, created_at=start, **fields)


def test_a_backfill_runs_the_due_times_of_its_range_and_counts_its_end_out(services: Services, clock: SetClock) -> None:
    schedule = old_schedule(services, clock)
    anchor = the_schedule(services, schedule).anchor
    done = backfilled(services, schedule, since=anchor + timedelta(seconds=10), until=anchor + timedelta(seconds=40))
    expected = [anchor + timedelta(seconds=10 * k) for k in (1, 2, 3)]
    assert (done.due, done.decided, done.created) == (3, 0, 3)
    assert (done.first_due_at, done.last_due_at) == (expected[0], expected[-1])
    assert [row.due_at for row in of_kind(services, schedule, "backfill")] == expected


def test_a_backfill_leaves_what_was_decided_and_revives_what_was_skipped_or_never_began(
    services: Services, clock: SetClock
) -> None:
    schedule = old_schedule(services, clock)
    anchor = the_schedule(services, schedule).anchor
    span = {"since": anchor + timedelta(seconds=10), "until": anchor + timedelta(seconds=60)}
    backfilled(services, schedule, **span)
    ids = [row.id for row in the_triggers(services, schedule)]
    ended = {"finished_at": clock.now()}
    ran = {**ended, "queued_at": clock.now(), "started_at": clock.now()}
    set_trigger(services, ids[0], status="completed", attempt=1, **ran)
    set_trigger(services, ids[1], status="failed", attempt=3, reason="it broke", **ran)
    set_trigger(services, ids[2], status="skipped", reason="missed", kind="planned", **ended)
    set_trigger(services, ids[3], status="cancelled", reason="paused", kind="planned", **ended)
    done = backfilled(services, schedule, **span)
    assert (done.due, done.decided, done.created) == (5, 3, 2)
    rows = the_triggers(services, schedule)
    assert [row.status for row in rows] == ["completed", "failed", "scheduled", "scheduled", "scheduled"]
    assert [(row.kind, row.reason) for row in rows[2:4]] == [("backfill", None)] * 2


def test_a_backfill_revives_what_only_the_ledger_knows_was_skipped(services: Services, clock: SetClock) -> None:
    schedule = old_schedule(services, clock)
    anchor = the_schedule(services, schedule).anchor
    span = {"since": anchor + timedelta(seconds=10), "until": anchor + timedelta(seconds=40)}
    backfilled(services, schedule, **span)
    clock.instant -= 2 * DETAILS_KEPT
    for row, status in zip(the_triggers(services, schedule), ["completed", "skipped", "failed"], strict=True):
        set_trigger(
            services,
            row.id,
            status=status,
            finished_at=clock.now(),
            reason="why",
            attempt=int(status != "skipped"),
            discarded_at=clock.now() if status == "failed" else None,
        )
    clock.instant += 2 * DETAILS_KEPT
    while clean(services, clock.now()).more:
        pass
    assert the_triggers(services, schedule) == []
    assert backfilled(services, schedule, **span).created == 1
    assert due_times(services, schedule) == [anchor + timedelta(seconds=20)]
    with services.database.begin() as connection:
        kept = connection.execute(select(ledger.c.status, ledger.c.kind).order_by(ledger.c.due_at)).all()
    assert [tuple(row) for row in kept] == [("completed", "backfill"), ("failed", "backfill")]


def test_backfills_are_dispatched_in_one_line_per_user_behind_what_is_due(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = old_schedule(services, clock)
    user, action = owner(services, schedule), the_schedule(services, schedule).action_id
    other = new_schedule(services, user, action, anchor=the_schedule(services, schedule).anchor)
    anchor = the_schedule(services, schedule).anchor
    for one in (schedule, other):
        backfilled(services, one, since=anchor, until=anchor + timedelta(seconds=10 * PER_SECOND + 1))
    start = clock.now()
    for seconds in (1, 2, 3):
        dispatch(services, start + timedelta(seconds=seconds))
        sent = sum(len(pack) for pack in queue.packs)
        assert sent == min(seconds, 2) * PER_SECOND
        complete_all(services)


def test_a_backfill_plans_nothing_and_a_paused_schedule_has_one_too(services: Services, clock: SetClock) -> None:
    schedule = old_schedule(services, clock, schedule_status="inactive")
    backfilled(services, schedule, since=clock.now() - HOUR, until=clock.now(), policy="latest")
    dispatch(services, clock.forward(2))
    (trigger,) = the_triggers(services, schedule)
    run_pack(services, trigger.id)
    assert statuses(services, schedule, "backfill") == ["completed"]
    assert len(the_executions(services, trigger.id)) == 1
    assert the_schedule(services, schedule).schedule_status == "inactive"


def test_a_planner_that_is_behind_a_backfill_goes_on_after_it(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    anchor = the_schedule(services, schedule).anchor
    clock.instant = anchor + timedelta(seconds=35)
    backfilled(services, schedule, since=anchor, until=clock.now())
    for _ in range(5):
        dispatch(services, clock.now())
        plan(services, clock.now())
    rows = [row for row in the_triggers(services, schedule) if row.due_at <= clock.now()]
    assert [(row.due_at - anchor).seconds for row in rows] == [10, 20, 30]
    assert [row.due_at for row in of_kind(services, schedule, "planned") if row.status == "scheduled"] == [
        anchor + timedelta(seconds=40)
    ]


def test_backfills_and_a_creator_at_the_same_moment_decide_each_due_time_once(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    anchor = the_schedule(services, schedule).anchor
    now = clock.forward(95)

    def again() -> None:
        backfilled(services, schedule, since=anchor, until=now)

    at_once(again, lambda: dispatch(services, now), again, lambda: dispatch(services, now))
    for _ in range(12):
        clock.forward(1)
        dispatch(services, now)
        plan(services, now)
    while dispatch(services, clock.now()).more or plan(services, clock.now()).planned:
        pass
    rows = [row for row in the_triggers(services, schedule) if row.due_at <= now]
    assert [(row.due_at - anchor).seconds for row in rows] == [10 * k for k in range(1, 10)]
    sent = [trigger_id for pack in queue.packs for trigger_id in pack]
    assert sorted(sent) == sorted({row.id for row in the_triggers(services, schedule) if row.status == "queued"})


def test_a_backfill_by_a_definition_that_changed_meanwhile_is_refused(
    services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = old_schedule(services, clock)
    found = runs._range

    def edit_and_find(*arguments: Any) -> Any:
        change_schedule(services, owner(services, schedule), schedule, Draft({"schedule_value": "20"}))
        return found(*arguments)

    monkeypatch.setattr(runs, "_range", edit_and_find)
    with pytest.raises(Conflict, match="edited meanwhile"):
        backfilled(services, schedule, since=clock.now() - HOUR, until=clock.now())
    assert the_triggers(services, schedule) == []


def test_a_backfill_says_what_is_wrong_with_its_range(services: Services, clock: SetClock) -> None:
    now, schedule = clock.now(), old_schedule(services, clock, schedule_value="1")
    with pytest.raises(Invalid, match="future"):
        backfilled(services, schedule, since=now, until=now + HOUR)
    with pytest.raises(Invalid, match="later than from"):
        backfilled(services, schedule, since=now, until=now - HOUR)
    with pytest.raises(Invalid, match="1,200 runs, more than 1,000"):
        backfilled(services, schedule, since=now - HOUR / 3, until=now)
    set_schedule(services, schedule, anchor=now - 24 * HOUR)
    with pytest.raises(Invalid, match="10,000 due times"):
        backfilled(services, schedule, since=now - 24 * HOUR, until=now, policy="latest")
    set_schedule(services, schedule, schedule_type="relative")
    with pytest.raises(Conflict, match="relative"):
        backfilled(services, schedule, since=now - HOUR, until=now)
    assert the_triggers(services, schedule) == []


def test_an_absolute_schedule_that_was_paused_over_its_instant_is_backfilled(
    services: Services, clock: SetClock
) -> None:
    instant = clock.now().replace(microsecond=0) - HOUR
    schedule = new_logger_schedule(
        services,
        schedule_type="absolute",
        schedule_value=instant.isoformat(),
        schedule_unit=None,
        schedule_status="inactive",
    )
    assert backfilled(services, schedule, since=instant + timedelta(seconds=1), until=clock.now()).created == 0
    assert backfilled(services, schedule, since=instant, until=clock.now()).created == 1


def test_policies_choose_all_the_latest_or_every_nth(clock: SetClock) -> None:
    times = [clock.now() + timedelta(seconds=k) for k in range(7)]
    assert choose(times, "all") == times
    assert choose(times, "latest") == times[6:]
    assert choose(times, 3) == [times[0], times[3], times[6]]
    assert choose([], "latest") == []


def test_cancelling_the_planned_trigger_lets_the_timetable_go_on_after_it(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    (first,) = the_triggers(services, schedule)
    cancelled = cancel_trigger(services, owner(services, schedule), first.id)
    assert (cancelled.status, cancelled.reason) == ("cancelled", "its user called it off")
    plan(services, clock.now())
    rows = the_triggers(services, schedule)
    assert [row.status for row in rows] == ["cancelled", "scheduled"]
    assert rows[1].due_at == first.due_at + timedelta(seconds=10)
    with pytest.raises(Conflict, match="cancelled"):
        cancel_trigger(services, owner(services, schedule), first.id)


def test_cancelling_the_only_instant_ends_an_absolute_schedule(services: Services, clock: SetClock) -> None:
    instant = (clock.now() + HOUR).isoformat()
    schedule = new_logger_schedule(services, schedule_type="absolute", schedule_value=instant, schedule_unit=None)
    plan(services, clock.now())
    cancel_trigger(services, owner(services, schedule), the_triggers(services, schedule)[0].id)
    plan(services, clock.now())
    assert the_schedule(services, schedule).schedule_status == "processed"
    assert statuses(services, schedule, "planned") == ["cancelled"]


@pytest.mark.parametrize("queued", [False, True])
def test_cancelling_a_relative_run_leaves_one_chain(services: Services, clock: SetClock, queued: bool) -> None:
    schedule = new_logger_schedule(services, schedule_type="relative")
    plan(services, clock.now())
    if queued:
        dispatch(services, clock.forward(11))
    cancel_trigger(services, owner(services, schedule), the_triggers(services, schedule)[0].id)
    plan(services, clock.now())
    assert statuses(services, schedule, "planned") == ["cancelled", "scheduled"]


def test_cancelling_a_queued_or_retried_recurring_trigger_plans_no_second_successor(
    services: Services, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    first = the_triggers(services, schedule)[0].id
    lose(services, first, clock)
    recover(services, clock.now())
    cancel_trigger(services, owner(services, schedule), first)
    plan(services, clock.now())
    assert statuses(services, schedule, "planned") == ["cancelled", "scheduled"]


def test_anothers_trigger_cannot_be_cancelled(services: Services, clock: SetClock) -> None:
    mine, theirs = new_logger_schedule(services), new_logger_schedule(services)
    plan(services, clock.now())
    with pytest.raises(NotFound):
        cancel_trigger(services, owner(services, mine), the_triggers(services, theirs)[0].id)
    assert statuses(services, theirs, "planned") == ["scheduled"]


def test_the_cleaner_keeps_who_wanted_a_run(services: Services, clock: SetClock) -> None:
    schedule = new_logger_schedule(services)
    trigger = asked(services, schedule)
    old = clock.now() - 2 * DETAILS_KEPT
    set_trigger(services, trigger.id, status="completed", attempt=1, started_at=old, finished_at=old)
    while clean(services, clock.now()).more:
        pass
    with services.database.begin() as connection:
        assert connection.execute(select(ledger.c.kind, ledger.c.due_at)).one() == ("manual", trigger.due_at)
        assert connection.execute(select(job_executions.c.id)).all() == []
