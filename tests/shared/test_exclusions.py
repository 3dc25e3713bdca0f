"""Definitions of calendars are read at once, and every fault says where it is."""

from datetime import UTC, datetime

from shared.exclusions import MAX_TEXT, read

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def places(**definition: object) -> list[str]:
    return [fault.field for fault in read(definition, "Europe/Berlin", NOW)[1]]


def test_every_fault_is_told_with_its_place() -> None:
    assert places(
        dates=["2026-12-25", "2026-02-30", 5, "20261225", "1812-01-01"],
        ranges=[
            {"from": "2026-12-24", "to": "2026-12-20"},
            {"from": "x", "to": "2026-12-20"},
            {"from": "2026-12-24"},
            {"from": "2026-12-24T10:00:00", "to": "2026-12-24T12:00:00Z"},
            "always",
        ],
        weekly=[
            {"days": ["mon", "noday"]},
            {"days": []},
            {"days": ["mon"], "from": "25:00"},
            {"days": ["mon"], "to": 6},
            None,
        ],
        icalendar="hello",
    ) == [
        *("dates[1]", "dates[2]", "dates[3]", "dates[4]"),
        *("ranges[0].to", "ranges[1].from", "ranges[2]", "ranges[3].from", "ranges[4]"),
        *("weekly[0].days[1]", "weekly[1].days", "weekly[2].from", "weekly[3].to", "weekly[4]"),
        "icalendar",
    ]


def test_days_that_follow_each_other_are_one_span() -> None:
    definition = {"dates": ["2026-12-26", "2026-12-25"], "ranges": [{"from": "2026-12-27", "to": "2026-12-28"}]}
    exclusions, faults = read(definition, "UTC", NOW)
    first, last = datetime(2026, 12, 25, tzinfo=UTC), datetime(2026, 12, 29, tzinfo=UTC)
    assert (exclusions.spans, faults) == (((int(first.timestamp()), int(last.timestamp())),), [])


def test_a_range_of_instants_ends_before_its_end() -> None:
    ends = {"from": "2026-12-24T10:00:00+01:00", "to": "2026-12-24T12:00:00Z"}
    exclusions, faults = read({"ranges": [ends]}, "Asia/Tokyo", NOW)
    assert faults == []
    ((start, end),) = exclusions.spans
    assert datetime.fromtimestamp(start, UTC) == datetime(2026, 12, 24, 9, tzinfo=UTC)
    assert datetime.fromtimestamp(end, UTC) == datetime(2026, 12, 24, 12, tzinfo=UTC)


def test_what_is_too_much_is_refused() -> None:
    days = [f"{year}-{month:02}-{day:02}" for year in range(1990, 2020) for month in (1, 3, 5) for day in range(1, 31)]
    assert places(dates=days) == ["dates"]
    assert places(icalendar="x" * (MAX_TEXT + 1)) == ["icalendar"]
    assert places(weekly=[{"days": ["mon"]}] * 51) == ["weekly"]
    rule = "BEGIN:VEVENT\nDTSTART:{}\nDURATION:PT1M\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
    twice = "".join(rule.format(f"20260101T{hour}0000Z") for hour in ("08", "20"))
    assert places(icalendar=f"BEGIN:VCALENDAR\n{twice}END:VCALENDAR") == ["icalendar"]
