"""Recurrence rules, compared with an independent implementation."""

from datetime import date, datetime, time

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.recurrence import days, read

UNTIL = date(2031, 12, 31)


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    weekdays = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
    places = st.sampled_from(["", "1", "2", "-1", "+4"]) if frequency in ("MONTHLY", "YEARLY") else st.just("")
    rule = f"FREQ={frequency};INTERVAL={draw(st.integers(1, 4))}"
    if draw(st.booleans()):
        rule += f";BYMONTH={draw(st.integers(1, 12))},{draw(st.integers(1, 12))}"
    if draw(st.booleans()):
        # Both with a place or both without: for a mixture the other one takes both to be meant at once.
        place = draw(places)
        rule += f";BYDAY={place}{draw(weekdays)},{place}{draw(weekdays)}"
    if "BYWEEKNO" not in rule and frequency != "WEEKLY" and draw(st.booleans()):
        rule += f";BYMONTHDAY={draw(st.integers(1, 31))},{draw(st.integers(-31, -1))}"
    elif "BYWEEKNO" not in rule and frequency == "YEARLY" and draw(st.booleans()):
        rule += f";BYYEARDAY={draw(st.integers(1, 366))},{draw(st.integers(-366, -1))}"
    if frequency == "WEEKLY" and draw(st.booleans()):
        rule += f";WKST={draw(weekdays)}"
        weeks = "BYMONTHDAY" not in rule and "BYYEARDAY" not in rule and draw(st.booleans())
        if weeks and frequency == "YEARLY" and not place:
            rule += (
                f";BYWEEKNO={draw(st.integers(1, 53))},{draw(st.integers(-53, -1))},{draw(st.sampled_from([1, -1]))}"
            )
            rule += f";WKST={draw(weekdays)}"
    if "BYWEEKNO" not in rule and "BYDAY" in rule and frequency in ("MONTHLY", "YEARLY") and draw(st.booleans()):
        rule += f";BYSETPOS={draw(st.sampled_from([1, 2, -1]))}"
    return rule + (f";COUNT={draw(st.integers(1, 9))}" if draw(st.booleans()) else "")


@settings(max_examples=100, deadline=None)
@given(rules(), st.dates(date(2024, 1, 1), date(2027, 12, 31)))
def test_a_rule_means_the_same_to_others(rule: str, first: date) -> None:
    theirs = []
    for found in rrulestr(rule, dtstart=datetime.combine(first, time())):
        if found.date() > UNTIL:
            break
        theirs.append(found.date())
    assert list(days(read(rule), first, UNTIL)) == theirs


@settings(max_examples=100, deadline=None)
@given(rules(), st.dates(date(2014, 1, 1), date(2027, 12, 31)), st.dates(date(2013, 1, 1), date(2029, 12, 31)))
def test_a_rule_whose_beginning_is_left_out_goes_on_as_ever(rule: str, first: date, since: date) -> None:
    looked_at: list[int] = []
    found = list(days(read(rule), first, UNTIL, since, looked_at.append))
    whole = [day for day in days(read(rule), first, UNTIL) if day >= since]
    assert [day for day in found if day >= since] == whole
    if "COUNT" not in rule:
        assert sum(looked_at) <= (UNTIL - max(since, first)).days + 2 * 4 * 366


@pytest.mark.parametrize(
    "rule",
    [
        *("FREQ=DAILY;BYDAY=", "FREQ=DAILY;BYDAY=1", "FREQ=YEARLY;BYMONTH=0", "FREQ=DAILY;X=1"),
        *("FREQ=MONTHLY;BYWEEKNO=20", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "FREQ=YEARLY;BYWEEKNO=0", "FREQ=HOURLY"),
    ],
)
def test_what_cannot_be_followed_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="RRULE"):
        read(rule)


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ("20", ["2026-05-13", "2027-05-19"]),
        ("-1", ["2026-12-30", "2027-12-29"]),
        # Week 1 of 2031 begins in 2030; the Wednesday of the first week of 2026 has not been before that of the event.
        ("1", ["2027-01-06", "2028-01-05", "2029-01-03", "2030-01-02", "2031-01-01"]),
        ("53", ["2026-12-30"]),
    ],
)
def test_a_week_of_the_year_without_a_weekday_is_its_first_day_s_weekday(weeks: str, expected: list[str]) -> None:
    found = days(read(f"FREQ=YEARLY;BYWEEKNO={weeks}"), date(2026, 1, 7), date(2031, 6, 30))
    assert [f"{day}" for day in found][: len(expected)] == expected
