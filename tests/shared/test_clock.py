"""The clock that counts on between readings, in real and in virtual time."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import BREATH, HeldClock, Reading, SteppedClock, next_tick, whole_second_after
from tests.fakes import SetClock

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
BEFORE_THE_CHANGE = datetime(2027, 3, 28, 0, 55, tzinfo=UTC)


class Source:
    """Answers the same reading each time and counts how often it was asked."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.asked = 0

    def __call__(self) -> Reading:
        self.asked += 1
        return self.reading


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of monotonic time, moved by hand and by sleeping."""
    passed = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + seconds))
    return passed


def test_between_readings_the_clock_counts_by_itself(passing: list[float]) -> None:
    source = Source(Reading(NOON, NOON))
    clock = SteppedClock(source, stale_after=5)
    assert clock.now() == NOON
    passing[0] += 4
    assert (clock.now(), clock.real_now(), clock.speed) == (NOON + timedelta(seconds=4),) * 2 + (1.0,)
    assert source.asked == 1
    passing[0] += 2
    assert clock.now() == NOON
    assert source.asked == 2


def test_virtual_time_goes_as_fast_as_it_says_and_real_time_does_not(passing: list[float]) -> None:
    clock = SteppedClock(Source(Reading(NOON, BEFORE_THE_CHANGE, 600)))
    assert clock.now() == BEFORE_THE_CHANGE
    passing[0] += 0.1
    assert clock.now() == BEFORE_THE_CHANGE + timedelta(minutes=1)
    assert clock.real_now() == NOON + timedelta(seconds=0.1)
    assert clock.speed == 600


def test_a_change_of_speed_is_noticed_at_once_in_virtual_time(passing: list[float]) -> None:
    source = Source(Reading(NOON, BEFORE_THE_CHANGE, 1))
    clock = SteppedClock(source)
    clock.now()
    source.reading = Reading(NOON, BEFORE_THE_CHANGE, 600)
    passing[0] += 0.3
    clock.now()
    assert clock.speed == 600


@pytest.mark.parametrize("speed", [1, 60, 3600])
def test_sleeping_ends_when_virtual_time_is_there_and_never_before(speed: int, passing: list[float]) -> None:
    began = NOON

    def read() -> Reading:
        real = began + timedelta(seconds=passing[0])
        return Reading(real, BEFORE_THE_CHANGE + timedelta(seconds=passing[0]) * speed, speed)

    clock = SteppedClock(read)
    instant = BEFORE_THE_CHANGE + timedelta(hours=1)
    clock.sleep_until(instant)
    assert clock.now() >= instant
    assert passing[0] == pytest.approx(3600 / speed, abs=0.001)


def test_asking_for_the_speed_reads_once_and_never_again(passing: list[float]) -> None:
    source = Source(Reading(NOON, NOON))
    clock = SteppedClock(source)
    passing[0] += 100
    assert (clock.speed, clock.speed, source.asked) == (1.0, 1.0, 1)


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.999])
def test_at_its_usual_speed_the_clock_ticks_at_each_whole_second(offset: float) -> None:
    clock = SetClock(NOON + timedelta(seconds=offset))
    assert next_tick(clock) == whole_second_after(clock.now()) == NOON + timedelta(seconds=1)


@pytest.mark.parametrize("speed", [2.0, 60.0, 600.0, 3600.0])
def test_fast_ticks_are_whole_seconds_with_a_breath_between_them(speed: float) -> None:
    clock = SetClock(NOON, speed)
    tick = next_tick(clock)
    assert tick.microsecond == 0
    assert BREATH * (speed - 1) < tick - NOON <= BREATH * speed + timedelta(seconds=1)


def test_a_held_clock_stands_still_and_lets_nobody_wait() -> None:
    clock = SetClock(NOON, 60.0, NOON + timedelta(days=1))
    held = HeldClock.of(clock)
    clock.forward(5)
    assert (held.now(), held.real_now(), held.speed) == (NOON, NOON + timedelta(days=1), 60.0)
    with pytest.raises(RuntimeError):
        held.sleep_until(NOON)
