"""Nobody's flood stands before anybody: each user has a share, and what does not fit waits in a line of its own."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from shared.create import create, let_go, take_over
from shared.dispatch import dispatch, release
from shared.execute import execute
from shared.manage.draft import Draft
from shared.manage.runs import cancel_trigger
from shared.manage.schedules import change_schedule, delete_schedule, pause_schedule
from shared.plan import plan
from shared.queue import Pack
from shared.recover import recover
from shared.schedule import ScheduleId
from shared.services import Services
from shared.shares import SLOTS_PER_HOST, SLOTS_PER_USER
from shared.store.engine import Database
from shared.store.tables import jobs, schedules, triggers
from shared.user import UserId
from tests.fakes import RecordedQueue, SetClock
from tests.world import (
    ENTERPRISE,
    PRO,
    STARTER,
    complete_all,
    count,
    new_action,
    new_job,
    new_schedule,
    new_user,
    set_trigger,
    the_schedule,
    the_triggers,
)

pytestmark = pytest.mark.usefixtures("sound")


def flood(services: Services, user: UserId, number: int, host: str | None = None, **fields: Any) -> list[ScheduleId]:
    """So many schedules of an hour, all due together in ten seconds, whose first jobs call that host."""
    action = new_action(services, user, f"flood of {host}")
    new_job(services, user, action, host=host)
    start = services.clock.now().replace(microsecond=0) + timedelta(seconds=10)
    row = {
        "user_id": user,
        "action_id": action,
        "name": "flood",
        "schedule_type": "recurring",
        "schedule_value": "1",
        "schedule_unit": "hour",
        "anchor": start,
        "starts_at": start,
        "active_since": services.clock.now(),
    } | fields
    with services.database.begin() as connection:
        found = connection.execute(insert(schedules).returning(schedules.c.id), [row] * number).scalars()
        new = [ScheduleId(schedule_id) for schedule_id in found]
    while plan(services, services.clock.now()).more:
        pass
    with services.database.begin() as connection:
        connection.exec_driver_sql("ANALYZE schedules, triggers")  # as autovacuum would
    return new


def tick(services: Services, clock: SetClock, seconds: float = 1) -> None:
    now = clock.forward(seconds)
    for verb in (release, dispatch):
        while verb(services, now).more:
            pass


def on_the_way(services: Services, user: UserId) -> tuple[int, int]:
    """How many messages and triggers of the user are queued or executing."""
    mine = (triggers.c.user_id == user, triggers.c.status.in_(["queued", "executing"]))
    with services.database.begin() as connection:
        query = select(func.count(triggers.c.pack.distinct()), func.count()).where(*mine)
        messages, number = connection.execute(query).one()
        return messages, number


def held(services: Services, user: UserId) -> int:
    return count(services, triggers, user_id=user, hold="limit")


def owners(services: Services, packs: Sequence[Pack]) -> list[UserId]:
    with services.database.begin() as connection:
        found = {row.id: row.user_id for row in connection.execute(select(triggers.c.id, triggers.c.user_id))}
    return [UserId(found[pack[0]]) for pack in packs]


def test_a_flood_leaves_the_next_tick_to_others_and_is_done_in_order(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    ada, bob = new_user(services, "ada", ENTERPRISE), new_user(services, "bob")
    flood(services, ada, 2_500)
    tick(services, clock, 11)
    assert on_the_way(services, ada) == (SLOTS_PER_HOST, 400)
    assert held(services, ada) == 2_100
    (mine,) = flood(services, bob, 1)
    queue.packs.clear()
    tick(services, clock, 11)
    assert the_triggers(services, mine)[0].status == "queued"
    assert owners(services, queue.packs) == [bob]
    order: list[int] = []
    while complete_all(services):
        queue.packs.clear()
        while release(services, clock.now()).more:
            pass
        order += sorted(trigger for pack in queue.packs for trigger in pack)
        assert on_the_way(services, ada)[0] <= SLOTS_PER_USER
    assert held(services, ada) == 0
    assert len(order) == 2_100
    assert order == sorted(order)


def test_who_is_due_in_the_same_second_as_a_flood_comes_right_after_its_first_batch(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    ada, bob = new_user(services, "ada", ENTERPRISE), new_user(services, "bob")
    flood(services, ada, 3_000)
    (mine,) = flood(services, bob, 1)
    now = clock.forward(11)
    dispatch(services, now)
    dispatch(services, now)
    assert the_triggers(services, mine)[0].status == "queued"
    assert count(services, triggers, user_id=ada, hold="limit") < 2_000


def test_targets_that_hang_occupy_a_share_and_no_more(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    """Ten targets that hang, each on a host of its own: none of their packs ever ends here."""
    ada, eve = new_user(services, "ada", ENTERPRISE), new_user(services, "eve", ENTERPRISE)
    for user in (ada, eve):
        for number in range(10):
            flood(services, user, 1, f"hang-{number}:80")
    tick(services, clock, 11)
    assert on_the_way(services, ada)[0] + on_the_way(services, eve)[0] == 8
    bob = new_user(services, "bob")
    (mine,) = flood(services, bob, 1)
    tick(services, clock, 11)
    assert the_triggers(services, mine)[0].status == "queued"
    assert len(queue.packs) == 9
    flood(services, ada, 100)
    tick(services, clock, 11)
    assert len(queue.packs) == 9


def test_a_host_that_is_full_does_not_hold_up_the_others_of_its_user(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    ada = new_user(services, "ada", ENTERPRISE)
    flood(services, ada, 1_500, "hang:80")
    tick(services, clock, 11)
    assert on_the_way(services, ada) == (SLOTS_PER_HOST, 400)
    (other,) = flood(services, ada, 1, "fine:80")
    tick(services, clock, 11)
    assert the_triggers(services, other)[0].status == "queued"
    assert held(services, ada) == 1_100
    assert count(services, triggers, held_for="hang:80") == 1_100


def test_who_waits_for_a_share_behind_a_full_host_gets_past_it(services: Services, clock: SetClock) -> None:
    ada = new_user(services, "ada", STARTER)
    flood(services, ada, 20, "a:80")
    tick(services, clock, 11)
    flood(services, ada, 30, "b:80")
    (mine,) = flood(services, ada, 1, "c:80")
    tick(services, clock, 11)
    assert the_triggers(services, mine)[0].held_for == ""
    complete_all(services)
    with services.database.begin() as connection:
        hosts = select(jobs.c.action_id).where(jobs.c.host == "b:80")
        first = select(triggers.c.id).where(triggers.c.action_id.in_(hosts)).order_by(triggers.c.id).limit(4)
        busy = list(connection.execute(first).scalars())
    for trigger in busy:
        on = {"status": "queued", "hold": None, "held_for": None, "resend_at": clock.now(), "pack": trigger}
        set_trigger(services, trigger, **on)
    while release(services, clock.now()).more:
        pass
    assert the_triggers(services, mine)[0].status == "queued"
    assert count(services, triggers, held_for="b:80") == 26


@pytest.mark.parametrize(("plan_id", "limit"), [(STARTER, 20), (PRO, 200)])
def test_the_plan_bounds_what_is_on_the_way(services: Services, clock: SetClock, plan_id: int, limit: int) -> None:
    ada = new_user(services, "ada", plan_id)
    chosen = flood(services, ada, limit + 10)
    tick(services, clock, 11)
    assert on_the_way(services, ada)[1] == limit
    last = the_triggers(services, chosen[-1])[0]
    assert (last.status, last.hold, f"({limit})" in last.reason) == ("scheduled", "limit", True)
    assert last.next_attempt_at == last.due_at
    complete_all(services)
    tick(services, clock)
    assert on_the_way(services, ada)[1] == 10


def test_the_timetable_of_who_waits_never_moves(services: Services, clock: SetClock) -> None:
    ada = new_user(services, "ada")
    chosen = flood(services, ada, 30)
    tick(services, clock, 11)
    for schedule in chosen:
        first, second = the_triggers(services, schedule)
        assert second.due_at - first.due_at == timedelta(hours=1)
        assert (second.status, second.hold) == ("scheduled", None)


def test_two_creators_at_once_never_give_out_the_same_share_twice(
    services: Services, database: Database, clock: SetClock
) -> None:
    users = [new_user(services, f"user-{number}", ENTERPRISE) for number in range(3)]
    for user in users:
        flood(services, user, 700)
    now = clock.forward(11)
    others = [replace(services, queue=RecordedQueue(), database=database) for _ in range(4)]

    def work(other: Services) -> None:
        for _ in range(4):
            dispatch(other, now)
            release(other, now)

    for _ in range(3):
        threads = [threading.Thread(target=work, args=(other,)) for other in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tick(services, clock, 0)
        assert all(on_the_way(services, user)[0] <= SLOTS_PER_HOST for user in users)
        complete_all(services)
    sent = [trigger for other in others for pack in other.queue.packs for trigger in pack]  # type: ignore[attr-defined]
    assert len(sent) == len(set(sent))


def test_what_is_sent_again_keeps_its_message(services: Services, clock: SetClock, queue: RecordedQueue) -> None:
    ada = new_user(services, "ada", ENTERPRISE)
    flood(services, ada, 500)
    tick(services, clock, 11)
    before = sorted(sorted(pack) for pack in queue.packs)
    queue.packs.clear()
    recover(services, clock.forward(20))
    assert sorted(sorted(pack) for pack in queue.packs) == before
    assert on_the_way(services, ada) == (SLOTS_PER_HOST, 400)


def test_another_attempt_passes_the_same_gate(services: Services, clock: SetClock) -> None:
    ada = new_user(services, "ada")
    first, *_ = flood(services, ada, 21)
    tick(services, clock, 11)
    retried = the_triggers(services, first)[0]
    again = {"status": "scheduled", "attempt": 1, "started_at": clock.now(), "reason": "failed", "resend_at": None}
    set_trigger(services, retried.id, **again, next_attempt_at=clock.now() + timedelta(seconds=5))
    tick(services, clock, 5)
    assert the_triggers(services, first)[0].hold == "limit"
    complete_all(services)
    tick(services, clock)
    assert the_triggers(services, first)[0].status == "queued"


def test_messages_that_could_not_be_sent_keep_their_share_and_are_offered_again(
    services: Services, clock: SetClock, queue: RecordedQueue
) -> None:
    ada = new_user(services, "ada", ENTERPRISE)
    flood(services, ada, 500)
    queue.away = True
    tick(services, clock, 11)
    assert queue.packs == []
    queue.away = False
    recover(services, clock.forward(5))
    assert sum(len(pack) for pack in queue.packs) == 400


@pytest.mark.parametrize("change", ["pause", "edit", "delete", "call off"])
def test_who_waits_for_a_share_is_cancelled_with_its_schedule(services: Services, clock: SetClock, change: str) -> None:
    ada = new_user(services, "ada")
    *_, last = flood(services, ada, 21)
    tick(services, clock, 11)
    waiting = the_triggers(services, last)[0]
    assert waiting.hold == "limit"
    if change == "call off":
        cancel_trigger(services, ada, waiting.id)
    elif change == "edit":
        change_schedule(services, ada, last, Draft({"schedule_value": "2"}))
    elif change == "pause":
        pause_schedule(services, ada, last)
    else:
        delete_schedule(services, ada, last)
    waiting = the_triggers(services, last)[0]
    assert (waiting.status, waiting.hold, waiting.held_for) == ("cancelled", None, None)
    complete_all(services)
    tick(services, clock)
    assert the_triggers(services, last)[0].status == "cancelled"


def test_a_relative_schedule_that_waits_for_its_share_goes_on_after_its_run(
    services: Services, clock: SetClock
) -> None:
    ada = new_user(services, "ada")
    flood(services, ada, 20)
    tick(services, clock, 11)
    action = new_action(services, ada, "relative")
    new_job(services, ada, action)
    relative = new_schedule(services, ada, action, schedule_type="relative", schedule_value="1")
    plan(services, clock.now())
    tick(services, clock, 3)
    assert [row.hold for row in the_triggers(services, relative)] == ["limit"]
    complete_all(services)
    tick(services, clock)
    execute(services, [the_triggers(services, relative)[0].id], 1e12)
    assert [row.status for row in the_triggers(services, relative)] == ["completed", "scheduled"]


def test_a_tick_says_whether_anybody_waits(services: Services, clock: SetClock) -> None:
    ada = new_user(services, "ada")
    flood(services, ada, 25)
    epoch = take_over(services, clock.now())
    ticked = create(services, clock.forward(11), epoch)
    assert (ticked.dispatched, ticked.held, ticked.backlog) == (20, 5, True)
    assert (let_go(services, clock.now()).dispatched, let_go(services, clock.now()).backlog) == (0, True)
    complete_all(services)
    assert let_go(services, clock.now()).dispatched == 5
    assert let_go(services, clock.now()).backlog is False


def test_an_unknown_host_in_flight_counts_against_no_other(services: Services, clock: SetClock) -> None:
    ada = new_user(services, "ada", ENTERPRISE)
    flood(services, ada, 400)
    tick(services, clock, 11)
    flood(services, ada, 300, "a:80")
    tick(services, clock, 11)
    assert on_the_way(services, ada) == (SLOTS_PER_USER, 600)


def test_sendables_are_ordered_by_when_they_became_due(services: Services, clock: SetClock) -> None:
    ada = new_user(services, "ada")
    early, late = flood(services, ada, 20), flood(services, ada, 20)
    for schedule in early:
        trigger = the_triggers(services, schedule)[0]
        set_trigger(services, trigger.id, next_attempt_at=trigger.due_at + timedelta(seconds=1))
    tick(services, clock, 12)
    assert all(the_triggers(services, schedule)[0].status == "queued" for schedule in late)
    assert all(the_triggers(services, schedule)[0].hold == "limit" for schedule in early)
    assert the_schedule(services, early[0]).schedule_status == "processing"
