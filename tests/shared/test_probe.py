"""Hosts that were left alone are tried again by themselves, each by one trigger, and one that dies is followed."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.create import create, take_over
from shared.dispatch import dispatch
from shared.probe import ARRIVES_WITHIN, Probed, probe
from shared.services import Services
from shared.store.engine import Database
from tests.fakes import RecordedQueue, SetClock
from tests.world import new_breaker, new_held, new_user, set_trigger, the_breaker, the_trigger

pytestmark = pytest.mark.usefixtures("sound")

HOST = "api.example.org:443"


def test_when_its_time_has_come_the_oldest_that_waits_goes_alone(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    user = new_user(services)
    held = new_held(services, user, HOST, 3)
    new_breaker(services, user, HOST)
    assert probe(services, clock.forward(29)) == Probed(0, more=False)
    assert probe(services, clock.forward(1)) == Probed(1, more=False)
    row = the_breaker(services, user, HOST)
    assert (row.state, row.probe_trigger_id) == ("half_open", held[0])
    assert row.probe_at == clock.now() + ARRIVES_WITHIN
    assert probe(services, clock.now()) == Probed(0, more=False)
    assert dispatch(services, clock.now()).queued == 1
    assert queue.packs == [(held[0],)]
    assert [the_trigger(services, trigger).hold for trigger in held] == [None, "breaker", "breaker"]


def test_a_probe_that_never_arrives_is_followed_by_another(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    first, second = new_held(services, user, HOST, 2)
    new_breaker(services, user, HOST)
    probe(services, clock.forward(30))
    set_trigger(services, first, status="cancelled", hold=None, held_for=None, finished_at=clock.now())
    assert probe(services, clock.forward(59)).probes == 0
    assert probe(services, clock.forward(1)).probes == 1
    assert the_breaker(services, user, HOST).probe_trigger_id == second


def test_each_user_s_host_has_a_probe_of_its_own(services: Services, clock: SetClock) -> None:
    ada, bob = new_user(services), new_user(services, "bob")
    (adas,), (bobs,) = new_held(services, ada, HOST), new_held(services, bob, HOST)
    new_breaker(services, ada, HOST)
    new_breaker(services, bob, HOST, probe_at=clock.now() + timedelta(minutes=9))
    assert probe(services, clock.forward(30)).probes == 1
    assert the_trigger(services, adas).next_attempt_at == clock.now()
    assert the_trigger(services, bobs).next_attempt_at > clock.now()
    assert the_breaker(services, bob, HOST).state == "open"


def test_two_creators_at_once_choose_one_probe(services: Services, database: Database, clock: SetClock) -> None:
    user = new_user(services)
    new_held(services, user, HOST, 6)
    new_breaker(services, user, HOST)
    now, answers = clock.forward(30), []
    together = threading.Barrier(4)

    def run() -> None:
        together.wait(20)
        answers.append(probe(replace(services, database=database), now).probes)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [0, 0, 0, 1]


def test_a_host_that_nothing_waits_for_is_left_to_the_next_trigger(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    new_breaker(services, user, HOST)
    assert probe(services, clock.forward(60)).probes == 0
    assert the_breaker(services, user, HOST).state == "open"


def test_the_creator_s_tick_does_it(services: Services, clock: SetClock) -> None:
    user = new_user(services)
    new_held(services, user, HOST)
    new_breaker(services, user, HOST)
    epoch = take_over(services, clock.now())
    now = clock.forward(60).replace(second=30, microsecond=0)
    assert create(services, now, epoch).probes == 1
    assert create(services, now + timedelta(seconds=1), epoch).dispatched == 1


def test_without_anybody_s_help_a_held_trigger_looks_again_after_some_minutes(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    user = new_user(services)
    (held,) = new_held(services, user, HOST)
    dispatch(services, clock.forward(5 * 60))
    assert queue.packs == [(held,)]


def test_in_fast_time_a_probe_has_as_long(services: Services, clock: SetClock) -> None:
    clock.speed = 100
    user = new_user(services)
    new_held(services, user, HOST)
    new_breaker(services, user, HOST, probe_at=clock.now())
    probe(services, clock.now())
    assert the_breaker(services, user, HOST).probe_at == clock.now() + ARRIVES_WITHIN * 100
