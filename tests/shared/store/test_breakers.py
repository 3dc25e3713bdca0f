"""The rows of breakers under races: one probe, no lost count, and nothing that waits for ever."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shared.breaker import Breaker, Sighting
from shared.schedule import Overlap, ScheduleType
from shared.services import Services
from shared.sightings import count as count_sightings
from shared.sightings import let_go_on
from shared.store import Connection, breakers, holding, putting_back
from shared.store.engine import Database
from shared.store.putting_back import PutBack
from shared.store.tables import triggers
from shared.trigger import Claim, TriggerId, TriggerKind
from tests.fakes import SetClock
from tests.world import new_breaker, new_held, new_user, set_trigger, the_breaker, the_trigger

pytestmark = pytest.mark.usefixtures("sound")

HOST = "api.example.org:443"


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(0)``, ``work(1)``, ... answer when they begin together, each in a thread of its own."""
    answers: list[Any] = [None] * number
    together = threading.Barrier(number)

    def run(position: int) -> None:
        together.wait(20)
        answers[position] = work(position)

    threads = [threading.Thread(target=run, args=(position,)) for position in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_of_many_executors_one_gets_the_probe(services: Services, database: Database, clock: SetClock) -> None:
    user = new_user(services)
    new_breaker(services, user, HOST)
    now = clock.forward(30)

    def take(position: int) -> Breaker | None:
        with database.begin() as connection:
            return breakers.take_probe(
                connection, (user, HOST), TriggerId(position + 1), now + timedelta(minutes=1), now
            )

    taken = [breaker for breaker in at_once(8, take) if breaker is not None]
    assert len(taken) == 1
    row = the_breaker(services, user, HOST)
    assert (row.state, row.probe_at) == ("half_open", now + timedelta(minutes=1))
    assert taken[0].probe_trigger_id == row.probe_trigger_id


def test_nobody_gets_the_probe_before_it_is_time(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    new_breaker(services, user, HOST)
    now = clock.forward(29)
    with services.database.begin() as connection:
        assert breakers.take_probe(connection, (user, HOST), TriggerId(1), now, now) is None


def test_a_probe_whose_time_is_over_gives_way_to_the_next(services: Services, clock: SetClock) -> None:
    user, now = new_user(services), clock.now()
    new_breaker(services, user, HOST, state="half_open", probe_trigger_id=1, probe_at=now)
    with services.database.begin() as connection:
        taken = breakers.take_probe(connection, (user, HOST), TriggerId(2), now + timedelta(seconds=9), now)
    assert taken is not None
    assert taken.probe_trigger_id == 2


def test_failures_seen_by_many_executors_at_once_are_all_counted(
    services: Services, database: Database, clock: SetClock
) -> None:
    user, now = new_user(services), clock.now()
    hosts = [f"{letter}.example.org:80" for letter in "abcd"]

    def see(position: int) -> None:
        ordered = hosts if position % 2 else hosts[::-1]
        seen = [Sighting(user, host, TriggerId(position + 1), "it broke") for host in ordered]
        count_sightings(replace(services, database=database), seen, now)

    at_once(4, see)
    assert [the_breaker(services, user, host).failures for host in hosts] == [4] * 4
    at_once(4, see)
    opened = [the_breaker(services, user, host) for host in hosts]
    # The rest was sent before it opened.
    assert [(row.state, row.failures, row.opens) for row in opened] == [("open", 5, 1)] * 4


def test_a_success_of_a_host_without_a_row_makes_none(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    count_sightings(services, [Sighting(user, HOST, TriggerId(1))], clock.now())
    assert the_breaker(services, user, HOST) is None


def test_what_postgresql_cannot_hold_is_counted_all_the_same(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    count_sightings(services, [Sighting(user, HOST, TriggerId(1), "odd \x00 \ud800" + "x" * 9000)], clock.now())
    row = the_breaker(services, user, HOST)
    assert (row.failures, len(row.last_error)) == (1, 500)


def test_what_waits_is_let_go_in_due_order_ten_a_second(services: Services, clock: SetClock) -> None:
    user, other = new_user(services), new_user(services, "bob")
    held, elsewhere = new_held(services, user, HOST, 25), new_held(services, user, "other.example.org:443")
    bobs = new_held(services, other, HOST)
    new_breaker(services, user, HOST, state="half_open", probe_trigger_id=9)
    now = clock.now()
    counted = count_sightings(services, [Sighting(user, HOST, TriggerId(9))], now)
    assert counted.let_go == {(user, HOST): 25}
    rows = [the_trigger(services, trigger) for trigger in held]
    waits = [(row.next_attempt_at - now).total_seconds() for row in rows]
    assert waits == pytest.approx([position / 10 for position in range(25)])
    assert {(row.hold, row.held_for, row.status) for row in rows} == {(None, None, "scheduled")}
    assert HOST in rows[0].reason
    assert [the_trigger(services, trigger).hold for trigger in elsewhere + bobs] == ["breaker", "breaker"]


def test_in_fast_time_what_waits_is_let_go_as_slowly(services: Services, clock: SetClock) -> None:
    clock.speed = 600
    user = new_user(services)
    held = new_held(services, user, HOST, 3)
    let_go_on(services, (user, HOST), 0, clock.now())
    waits = [the_trigger(services, trigger).next_attempt_at - clock.now() for trigger in held]
    assert waits == [timedelta(seconds=60 * position) for position in range(3)]


def test_a_long_line_goes_batch_by_batch(services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "BATCH", 2)
    user = new_user(services)
    held = new_held(services, user, HOST, 5)
    done = 0
    while batch := let_go_on(services, (user, HOST), done, clock.now()):
        done += batch
    waits = [(the_trigger(services, trigger).next_attempt_at - clock.now()).total_seconds() for trigger in held]
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_letting_go_never_waits_for_a_trigger_that_somebody_holds(
    services: Services, database: Database, clock: SetClock
) -> None:
    user = new_user(services)
    first, second = new_held(services, user, HOST, 2)
    with database.begin() as dispatcher:
        dispatcher.execute(select(triggers.c.id).where(triggers.c.id == first).with_for_update())
        assert let_go_on(services, (user, HOST), 0, clock.now()) == 1
    assert the_trigger(services, first).hold == "breaker"
    assert the_trigger(services, second).hold is None


def test_a_probe_that_fails_tells_those_that_wait_until_when(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    (held,) = new_held(services, user, HOST)
    new_breaker(services, user, HOST, state="half_open", probe_trigger_id=9)
    now = clock.now()
    count_sightings(services, [Sighting(user, HOST, TriggerId(9), "it broke")], now)
    breaker, trigger = the_breaker(services, user, HOST), the_trigger(services, held)
    assert (breaker.state, breaker.opens, breaker.probe_at) == ("open", 2, now + timedelta(seconds=60))
    assert f"failed 6 times in a row; it is tried again at {breaker.probe_at:%H:%M:%S} UTC." in trigger.reason
    assert trigger.next_attempt_at == breaker.probe_at + timedelta(minutes=5)


def test_what_is_put_back_while_its_breaker_closes_is_not_forgotten(
    services: Services, database: Database, clock: SetClock
) -> None:
    """Either the one who closes finds it held, or the one who puts it back finds the breaker closed."""
    user, now = new_user(services), clock.now()
    held = new_held(services, user, HOST, 12)
    for trigger in held:
        set_trigger(services, trigger, status="executing", hold=None, held_for=None, started_at=now, lease_until=now)
    new_breaker(services, user, HOST, state="half_open", probe_trigger_id=99)
    items = [put_back(services, trigger) for trigger in held]

    def work(position: int) -> None:
        if position == 6:
            count_sightings(replace(services, database=database), [Sighting(user, HOST, TriggerId(99))], now)
            return
        for item in items[position * 2 : position * 2 + 2]:
            with database.begin() as connection:
                hold(connection, item, now)

    at_once(7, work)
    rows = [the_trigger(services, trigger) for trigger in held]
    assert {row.hold for row in rows} == {None}
    assert max(row.next_attempt_at for row in rows) <= now + timedelta(seconds=2)


def put_back(services: Services, trigger_id: int, attempt: int = 1) -> PutBack:
    row, now = the_trigger(services, trigger_id), services.clock.now()
    claim = Claim(
        *(row.id, attempt, row.user_id, row.schedule_id, row.action_id, row.due_at, ScheduleType.ABSOLUTE, "often", {}),
        *(TriggerKind.PLANNED, now, now, 0, None, Overlap.ALLOW),
    )
    return PutBack(claim, now + timedelta(minutes=5), "Waiting for it", "Waited for it", HOST)


def hold(connection: Connection, item: PutBack, now: datetime) -> Any:
    """As an executor records it."""
    putting_back.lock(connection, [item.claim.schedule_id])
    written = putting_back.put_back(connection, [item], now)
    holding.release_closed(connection, [item], now)
    return written


@pytest.mark.parametrize(("attempt", "held"), [(1, "breaker"), (2, None)])
def test_only_the_attempt_that_runs_can_be_put_back(
    services: Services, clock: SetClock, attempt: int, held: str | None
) -> None:
    user, now = new_user(services), clock.now()
    (trigger,) = new_held(services, user, HOST)
    new_breaker(services, user, HOST)
    later = now + timedelta(hours=1)
    running = {"status": "executing", "queued_at": now, "started_at": now, "lease_until": later}
    set_trigger(services, trigger, hold=None, held_for=None, **running)
    item = put_back(services, trigger, attempt)
    with services.database.begin() as connection:
        assert hold(connection, item, now) == ({trigger: "scheduled"} if held else {})
    row = the_trigger(services, trigger)
    assert (row.hold, row.status) == (held, "scheduled" if held else "executing")


def test_forgetting_leaves_what_something_waits_for(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    new_breaker(services, user, HOST)
    new_breaker(services, user, "idle.example.org:443")
    new_breaker(services, user, "fresh.example.org:443", updated_at=clock.now() + timedelta(hours=1))
    new_held(services, user, HOST)
    with services.database.begin() as connection:
        assert breakers.forget(connection, clock.now() + timedelta(seconds=1), 100) == 1
    assert the_breaker(services, user, "idle.example.org:443") is None
    assert the_breaker(services, user, HOST) is not None


def test_breakers_of_users_are_those_that_matter(services: Services, clock: SetClock) -> None:
    ada, bob = new_user(services), new_user(services, "bob")
    new_breaker(services, ada, "open.example.org:443")
    new_breaker(services, ada, "fails.example.org:443", state="closed", failures=2, probe_at=None)
    new_breaker(services, ada, "well.example.org:443", state="closed", failures=0, probe_at=None)
    new_breaker(services, bob, "open.example.org:443")
    with services.database.begin() as connection:
        found = breakers.of_users(connection, [ada, ada])
    assert set(found) == {(ada, "open.example.org:443"), (ada, "fails.example.org:443")}
