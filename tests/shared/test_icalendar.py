"""iCalendar texts become spans, faithfully and within bounds."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from shared import icalendar
from shared.icalendar import MAX_OCCURRENCES, spans

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)


def text(*events: str) -> str:
    lines = [f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT" for event in events]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""])


def found(*events: str, zone: str = "Europe/Berlin") -> list[tuple[str, str]]:
    return [(f"{start:%Y%m%dT%H%M}", f"{end:%Y%m%dT%H%M}") for start, end in spans(text(*events), zone, SINCE, UNTIL)]


def test_a_day_is_the_day_of_the_calendars_zone() -> None:
    assert found("DTSTART;VALUE=DATE:20261225\nSUMMARY:Christmas") == [("20261224T2300", "20261225T2300")]
    two = "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227\nTRANSP:TRANSPARENT"
    assert found(two, zone="America/New_York") == [("20261225T0500", "20261227T0500")]


def test_times_are_those_of_their_zone() -> None:
    assert found("DTSTART:20260601T100000Z\nDTEND:20260601T120000Z") == [("20260601T1000", "20260601T1200")]
    assert found("DTSTART:20260601T100000\nDURATION:PT90M") == [("20260601T0800", "20260601T0930")]
    new_york = 'DTSTART;TZID="America/New_York":20260601T100000\nDTEND;TZID=America/New_York:20260601T110000'
    assert found(new_york) == [("20260601T1400", "20260601T1500")]


def test_folded_lines_and_parts_of_events_are_no_obstacle() -> None:
    event = (
        "DTSTA\r\n RT;VALUE=DATE\r\n\t:20261225\r\nDESCRIPTION:a:b;c\r\nBEGIN:VALARM\r\nDTSTART:nonsense\r\nEND:VALARM"
    )
    assert found(event) == [("20261224T2300", "20261225T2300")]


def test_an_event_repeats_on_the_wall_clock() -> None:
    weekly = "DTSTART;TZID=Europe/Berlin:20260326T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=2"
    assert found(weekly) == [("20260326T0800", "20260326T0900"), ("20260402T0700", "20260402T0800")]


def test_a_yearly_event_repeats_up_to_the_horizon_and_the_past_is_left_out() -> None:
    yearly = "DTSTART;VALUE=DATE:20001225\nRRULE:FREQ=YEARLY"
    assert found(yearly, zone="UTC") == [
        *(("20261225T0000", "20261226T0000"), ("20271225T0000", "20271226T0000"), ("20281225T0000", "20281226T0000"))
    ]


def test_thanksgiving_is_the_fourth_thursday_of_november() -> None:
    rule = "DTSTART;VALUE=DATE:20201126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"
    assert [start for start, _ in found(rule, zone="UTC")] == ["20261126T0000", "20271125T0000", "20281123T0000"]


@pytest.mark.parametrize("until", ["20260103", "20260103T235959Z", "20260103T000000"])
def test_until_is_included(until: str) -> None:
    daily = f"DTSTART;VALUE=DATE:20260102\nRRULE:FREQ=DAILY;UNTIL={until}"
    assert len(found(daily, zone="UTC")) == 2


def test_exceptions_and_moved_instances_leave_their_place() -> None:
    series = "UID:1\nDTSTART;VALUE=DATE:20260202\nRRULE:FREQ=DAILY;COUNT=4\nEXDATE;VALUE=DATE:20260203"
    moved = "UID:1\nRECURRENCE-ID;VALUE=DATE:20260204\nDTSTART;VALUE=DATE:20260210"
    gone = "UID:1\nRECURRENCE-ID;VALUE=DATE:20260205\nDTSTART;VALUE=DATE:20260205\nSTATUS:CANCELLED"
    assert [start for start, _ in found(series, moved, gone, zone="UTC")] == ["20260202T0000", "20260210T0000"]


def test_more_times_of_an_event_last_as_long_unless_they_say_otherwise() -> None:
    more = "RDATE:20260603T100000Z,20260604T120000Z"
    periods = "RDATE;VALUE=PERIOD:20260605T100000Z/20260605T103000Z,20260606T100000Z/PT2H"
    event = f"DTSTART:20260601T100000Z\nDURATION:PT1H\n{more}\n{periods}\nEXDATE:20260604T120000Z"
    assert found(event, zone="UTC") == [
        ("20260601T1000", "20260601T1100"),
        ("20260603T1000", "20260603T1100"),
        ("20260605T1000", "20260605T1030"),
        ("20260606T1000", "20260606T1200"),
    ]


def test_days_are_added_to_a_rule() -> None:
    holidays = "DTSTART;VALUE=DATE:20260101\nRRULE:FREQ=YEARLY;COUNT=2\nRDATE;VALUE=DATE:20260106,20260501"
    assert [start for start, _ in found(holidays, zone="UTC")] == [
        *("20260101T0000", "20270101T0000", "20260106T0000", "20260501T0000"),
    ]


def test_a_time_without_length_excludes_nothing() -> None:
    assert found("DTSTART:20260601T100000Z") == []


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("SUMMARY:x", "event 1: has no DTSTART"),
        ("DTSTART:tomorrow", "'tomorrow' is no day"),
        ("DTSTART:20261340", "month"),
        ("DTSTART:00010101", "1970"),
        ("DTSTART;TZID=W. Europe Standard Time:20260101T000000", "IANA"),
        ("DTSTART;TZID=../../etc/passwd:20260101T000000", "IANA"),
        ("DTSTART:20260102\nDTEND:20260101", "not later"),
        ("DTSTART:20260102\nRDATE:never", "'never' is no day"),
        ("DTSTART:20260102\nRDATE;VALUE=PERIOD:20260103T100000Z/soon", "'soon' is no day"),
        ("DTSTART:20260102\nDURATION:-P1D", "duration"),
        ("DTSTART:20260102\nRRULE:FREQ=SECONDLY", "DAILY, WEEKLY"),
        ("DTSTART:20260102\nRRULE:FREQ=DAILY;BYHOUR=1,2,3", "BYHOUR"),
        ("DTSTART:20260102\nRRULE:FREQ=DAILY;INTERVAL=0", "cannot be read"),
        ("DTSTART:20260102\nRRULE:FREQ=DAILY;COUNT=-1", "cannot be read"),
        ("DTSTART:20260102\nRRULE:FREQ=MONTHLY;BYDAY=XX", "cannot be read"),
        ("DTSTART:20260102\nRRULE:COUNT", "FREQ"),
    ],
)
def test_what_cannot_be_read_is_told(event: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        found(event)


@pytest.mark.parametrize("broken", ["hello", "BEGIN:VCALENDAR\nBEGIN:VEVENT", "BEGIN:VCALENDAR\nEND:VEVENT", ":", "["])
def test_what_is_no_calendar_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="BEGIN"):
        list(spans(broken, "UTC", SINCE, UNTIL))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=-366",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;WKST=SU",
        "FREQ=YEARLY;BYYEARDAY=366;BYDAY=53MO;BYMONTH=1;COUNT=999999",
    ],
)
def test_hostile_rules_come_to_an_end(rule: str) -> None:
    """Every period up to the horizon is looked at once and no further; too many times are told of, and not kept."""
    event = f"DTSTART;VALUE=DATE:19700101\nRRULE:{rule}"
    kept = 0
    with suppress(ValueError):
        for _ in spans(text(*[event] * 10), "Europe/Berlin", SINCE, SINCE + timedelta(days=3653)):
            kept += 1
    assert kept <= MAX_OCCURRENCES


def test_each_time_that_is_replaced_is_read_once_however_many_events_it_concerns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Events of one UID times values of one list: 59 KB of text that took half a minute to read."""
    read = Mock(wraps=icalendar._moment)
    monkeypatch.setattr(icalendar, "_moment", read)
    many = ["DTSTART:20270101T080000Z\nDURATION:PT1H\nRDATE:20270102T080000Z\nUID:a"] * 200
    replaced = ",".join(f"202701{day:02}T080000Z" for day in range(2, 12))
    assert len(found(*many, f"UID:a\nSTATUS:CANCELLED\nRECURRENCE-ID:{replaced}")) == 200
    assert read.call_count == 2 * len(many) + 10


def test_all_rules_together_look_at_so_many_days_and_no_more() -> None:
    """Whatever must be counted is looked at from its beginning; everything else from where it matters."""
    holiday = "DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25"
    years = SINCE + timedelta(days=4017)
    assert len(list(spans(text(*[holiday] * 50), "UTC", SINCE, years))) == 50 * 11
    never = "DTSTART;VALUE=DATE:19700101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9"
    with pytest.raises(ValueError, match=r"event \d+: with it, rules go on for too long"):
        list(spans(text(*[never] * 50), "UTC", SINCE, years))


def test_an_event_that_began_long_ago_and_lasts_is_found() -> None:
    long = "DTSTART:20160101T000000Z\nDURATION:P3000D\nRRULE:FREQ=YEARLY;INTERVAL=5"
    assert found(long)[0] == ("20210101T0000", "20290320T0000")
