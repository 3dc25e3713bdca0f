"""Who goes first among what one user has waiting: the highest priority, and then who has waited longest."""

from collections.abc import Sequence

import pytest

from shared.dispatch import release
from shared.manage.draft import Draft
from shared.manage.runs import backfill, run_now
from shared.manage.schedules import change_schedule
from shared.schedule import ScheduleId
from shared.services import Services
from shared.user import UserId
from tests.fakes import RecordedQueue, SetClock
from tests.shared.test_fairness import flood, held, tick
from tests.world import STARTER, complete_all, new_user, the_triggers

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def ada(services: Services) -> UserId:
    """Twenty of hers may be on their way."""
    return new_user(services, "ada", STARTER)


def sent(services: Services, chosen: Sequence[ScheduleId]) -> list[bool]:
    return [the_triggers(services, schedule_id)[0].status != "scheduled" for schedule_id in chosen]


def let_all_go(services: Services, clock: SetClock, queue: RecordedQueue) -> list[int]:
    """The triggers that wait, in the order in which rounds of twenty let them go."""
    order: list[int] = []
    while complete_all(services):
        queue.packs.clear()
        while release(services, clock.now()).more:
            pass
        order += sorted(trigger for pack in queue.packs for trigger in pack)
    return order


def test_the_highest_go_first_however_late_they_came(
    services: Services, clock: SetClock, queue: RecordedQueue, ada: UserId
) -> None:
    low = flood(services, ada, 25, priority=0)
    usual = flood(services, ada, 25)
    tick(services, clock, 11)
    assert (sent(services, low).count(True), sent(services, usual).count(True)) == (0, 20)
    high = flood(services, ada, 20, priority=9)
    tick(services, clock, 11)
    assert held(services, ada) == 50
    waiting = [the_triggers(services, schedule_id)[0].id for schedule_id in (*high, *usual[20:], *low)]
    assert [number for part in rounds(let_all_go(services, clock, queue)) for number in part] == [
        number for part in rounds(waiting) for number in part
    ]


def rounds(order: Sequence[int]) -> list[list[int]]:
    """What went together, without the order within it."""
    return [sorted(order[start : start + 20]) for start in range(0, len(order), 20)]


def test_others_do_not_wait_for_anybodys_priorities(
    services: Services, clock: SetClock, queue: RecordedQueue, ada: UserId
) -> None:
    bob = new_user(services, "bob", STARTER)
    flood(services, ada, 40, priority=9)
    (mine,) = flood(services, bob, 1, priority=0)
    tick(services, clock, 11)
    assert sent(services, [mine]) == [True]


def test_a_new_priority_moves_what_waits_already(
    services: Services, clock: SetClock, queue: RecordedQueue, ada: UserId
) -> None:
    *first, last = flood(services, ada, 50)
    tick(services, clock, 11)
    assert sent(services, [last]) == [False]
    changed = change_schedule(services, ada, last, Draft({"priority": 6}))
    assert (changed.priority, changed.version) == (6, 1)
    complete_all(services)
    release(services, clock.now())
    assert sent(services, [last]) == [True]
    assert sent(services, first).count(True) == 20 + 19


def test_runs_beside_the_timetable_have_their_schedules_priority(
    services: Services, clock: SetClock, ada: UserId
) -> None:
    (schedule_id,) = flood(services, ada, 1, priority=7)
    begin = clock.now().replace(microsecond=0)
    tick(services, clock, 2 * 3600)
    run_now(services, ada, schedule_id, Draft())
    done = backfill(services, ada, schedule_id, Draft({"since": begin, "until": clock.now()}))
    assert done.created > 0
    tick(services, clock, 0)
    found = {(trigger.kind, trigger.priority) for trigger in the_triggers(services, schedule_id)}
    assert found == {("planned", 7), ("manual", 7), ("backfill", 7)}
