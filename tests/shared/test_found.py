"""What was found once is not looked for again, whoever asks, and the answers stay the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Thread

import pytest

from shared import timetable
from shared.calendars import Calendar, Shift, Window
from shared.cron.found import Found
from shared.cron.pattern import Pattern
from shared.schedule import ScheduleType, ScheduleUnit, Timing

NOW = datetime(2026, 11, 24, 6, 30, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EXPRESSIONS = ["0 9 * * thu", "*/15 * * * *", "30 2 * * 1-5", "0 0 1 * *"]
WEEKEND = Calendar("weekend", "Europe/Berlin", (), (Window(frozenset({5, 6}), 0, 1440),))


class Minutes:
    """A timetable of every whole minute that counts how often it is begun and how far it is walked."""

    def __init__(self, last: datetime | None = None) -> None:
        self.begun = self.steps = 0
        self.last = last

    def __call__(self, after: datetime) -> Iterator[datetime]:
        self.begun += 1
        first = after.replace(second=0, microsecond=0) + MINUTE
        for number in count():
            if self.last is not None and first + number * MINUTE > self.last:
                return
            self.steps += 1
            yield first + number * MINUTE


def test_a_question_before_the_same_due_time_is_answered_from_memory() -> None:
    minutes = Minutes()
    found = Found(minutes)
    assert found.after(NOW) == NOW.replace(minute=31, second=0, microsecond=0)
    for second in range(59):
        assert found.after(NOW + timedelta(seconds=second)) == NOW.replace(minute=31, second=0, microsecond=0)
    assert (minutes.begun, minutes.steps) == (1, 1)


def test_going_on_walks_on_and_a_leap_begins_anew() -> None:
    minutes = Minutes()
    found = Found(minutes)
    due = NOW
    for _ in range(500):
        following = found.after(due)
        assert following is not None
        assert timedelta() < following - due <= MINUTE
        due = following
    assert minutes.begun == 1
    assert found.after(NOW + timedelta(days=100)) == NOW.replace(second=0, microsecond=0) + timedelta(days=100) + MINUTE
    assert found.after(NOW) == NOW.replace(minute=31, second=0, microsecond=0)
    assert minutes.begun == 3
    assert minutes.steps < 700


def test_after_the_last_due_time_there_is_none() -> None:
    found = Found(Minutes(last=NOW + 3 * MINUTE))
    assert found.after(NOW + 2 * MINUTE) is not None
    assert found.after(NOW + 3 * MINUTE) is None
    assert found.after(NOW + timedelta(days=9)) is None


def test_threads_get_the_same_answers() -> None:
    found, wrong = Found(Minutes()), []

    def ask(start: int) -> None:
        for number in range(start, start + 400):
            instant = NOW + number * MINUTE
            if found.after(instant) != instant.replace(second=0, microsecond=0) + MINUTE:
                wrong.append(instant)

    threads = [Thread(target=ask, args=(start,)) for start in (0, 50, 3000, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    "rest",
    [{}, {"jitter_seconds": 300}, {"calendars": (WEEKEND,), "shift": Shift.NEXT}],
    ids=["plain", "jittered", "shifted"],
)
def test_ten_thousand_schedules_with_four_timetables_cost_four_computations(
    monkeypatch: pytest.MonkeyPatch, rest: dict[str, object]
) -> None:
    begun: list[datetime] = []
    walls = Pattern.walls

    def counted(pattern: Pattern, start: datetime) -> Iterator[datetime]:
        begun.append(start)
        return walls(pattern, start)

    monkeypatch.setattr(Pattern, "walls", counted)
    # A zone of this test's own, so that nothing is known of it yet.
    zone = {0: "Europe/Vienna", 1: "Europe/Prague", 2: "Europe/Zurich"}[len(rest)]
    seeded = [
        Timing(
            *(ScheduleType.RECURRING, EXPRESSIONS[number % 4], ScheduleUnit.CRON, zone, NOW),
            **rest,  # type: ignore[arg-type]
            seed=number,
        )
        for number in range(10_000)
    ]
    due = [timetable.first_due(timing, NOW) for timing in seeded]
    following = [timetable.following_due(timing, at) for timing, at in zip(seeded, due, strict=True) if at]
    assert len(following) == 10_000
    assert all(later is not None and at is not None and later > at for later, at in zip(following, due, strict=True))
    # A moved occurrence is looked for on several days.
    assert len(begun) <= (40 if "shift" in rest else 8)
