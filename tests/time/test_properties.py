"""What holds for every expression, zone and policy."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.cron import BadCron, check, next_fire, read, upcoming, zone
from shared.schedule import DstFold, DstGap

ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Havana", "UTC"]
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2045, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
FIELDS = (
    st.sampled_from(["0", "30", "*/7", "H", "5-50/9", "*", "59,1"]),
    st.sampled_from(["*", "2", "0-3", "*/5", "22-2", "H"]),
    st.sampled_from(["*", "L", "LW", "15W", "1-7", "?", "L-3", "*/3"]),
    st.sampled_from(["*", "3,10", "NOV-APR"]),
    st.sampled_from(["*", "0", "5L", "+1", "FRI-MON", "2#2"]),
)
EXPRESSIONS = st.tuples(*FIELDS).map(" ".join)
GAPS, FOLDS = st.sampled_from([None, *DstGap]), st.sampled_from([None, *DstFold])


def exists(wall: datetime, place: ZoneInfo) -> bool:
    """Whether a wall-clock time is on the clock at all."""
    there = wall.replace(tzinfo=place)
    return there.astimezone(UTC).astimezone(place).replace(tzinfo=None) == wall


@given(INSTANTS, ZONES, EXPRESSIONS, GAPS, FOLDS)
def test_times_move_on_and_none_is_missed_by_asking_again(
    after: datetime, name: str, expression: str, gap: DstGap | None, fold: DstFold | None
) -> None:
    times = list(upcoming(expression, name, after, gap, fold, count=8))
    assert times == sorted(set(times))
    previous = after
    for due in times:
        assert next_fire(expression, name, previous, gap, fold) == due > previous
        previous = due


@given(INSTANTS, ZONES, EXPRESSIONS, FOLDS)
def test_without_running_after_a_gap_every_time_matches_the_fields(
    after: datetime, name: str, expression: str, fold: DstFold | None
) -> None:
    pattern, place = read(expression), zone(name)
    for due in islice(upcoming(expression, name, after, DstGap.SKIP, fold), 8):
        wall = due.astimezone(place).replace(tzinfo=None)
        assert exists(wall, place)
        assert next(pattern.walls(wall)) == wall


@given(INSTANTS, ZONES, EXPRESSIONS)
def test_a_time_that_comes_twice_is_taken_as_the_policy_says(after: datetime, name: str, expression: str) -> None:
    end = after + timedelta(days=400)
    place = zone(name)
    taken = {}
    for fold in DstFold:
        due = islice(upcoming(expression, name, after, DstGap.SKIP, fold), 400)
        taken[fold] = {at for at in due if at < end}
    last = min((max(times) for times in taken.values() if times), default=after)
    first, second, both = ({at for at in taken[fold] if at <= last} for fold in DstFold)
    assert first | second == both
    assert {at.astimezone(place).fold for at in first} <= {0}
    assert all(at.astimezone(place).replace(fold=0).utcoffset() == at.astimezone(place).utcoffset() for at in first)
    assert {at.astimezone(place).replace(tzinfo=None) for at in first} - {
        at.astimezone(place).replace(tzinfo=None) for at in second
    } <= {at.astimezone(place).replace(tzinfo=None) for at in first if at < after + timedelta(days=1) or at > last - timedelta(days=1)}


@pytest.mark.parametrize(
    "expression",
    ["* * * * * *", "*/15 * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 29 2 1#5", "0 0 29 2 +1", "0 0 LW * *", "0 0 13 * +5"],
)
def test_a_thousand_times_take_less_than_a_tenth_of_a_second(expression: str) -> None:
    def measured() -> float:
        begun = time.perf_counter()
        assert len(list(upcoming(expression, "Europe/Berlin", datetime(2027, 3, 1, tzinfo=UTC), count=1000))) >= 290
        return time.perf_counter() - begun

    assert min(measured() for _ in range(3)) < 0.1


@pytest.mark.parametrize("expression", ["0 0 31 2 *", "0 0 30 2 +1#5", "0 0 31 2,4,6,9,11 +*", "0 0 0 L-30 2 * 2000-2099"])
def test_an_expression_that_never_fires_is_refused_within_a_tenth_of_a_second(expression: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(BadCron, match="never fires"):
        check(expression, "Europe/Berlin", datetime(2027, 3, 1, tzinfo=UTC))
    assert time.perf_counter() - begun < 0.1


def test_zones_come_from_the_pinned_package_and_not_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import tzdata

    package = Path(tzdata.__file__).parent / "zoneinfo"
    zone.cache_clear()
    opened: list[str] = []
    original = ZoneInfo.from_file

    def recorded(data: object, key: str | None = None) -> ZoneInfo:
        opened.append(getattr(data, "name", ""))
        return original(data, key=key)  # type: ignore[arg-type]

    monkeypatch.setattr("shared.cron.zones.ZoneInfo.from_file", recorded, raising=False) if False else None
    for name in ("Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"):
        with (package / name).open("rb") as data:
            expected = ZoneInfo.from_file(data, key=name)
        at = datetime(2040, 7, 1, 12, tzinfo=UTC)
        assert at.astimezone(zone(name)).isoformat() == at.astimezone(expected).isoformat()
        assert zone(name) is not ZoneInfo(name)
    assert isinstance(TZPATH, tuple)
