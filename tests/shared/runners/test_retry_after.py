"""The Retry-After header in all its forms, and in none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runners.retry_after import retry_after

NOW = datetime(1994, 11, 6, 8, 49, 0, tzinfo=UTC)
WEEK = timedelta(days=7).total_seconds()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("999999999", WEEK),
        ("9" * 5000, WEEK),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 37),
        ("Sun Nov  6 08:49:37 1994", 37),
        ("Sun, 06 Nov 1994 08:48:00 GMT", 0),
        ("Sun, 06 Nov 2094 08:48:00 GMT", WEEK),
    ],
)
def test_seconds_and_dates_are_read(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "１２", "Sun, 99 Nov 1994 08:49:37 GMT", "5, 7", "\x00"])
def test_what_is_none_of_them_counts_for_nothing(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) is None


def test_silence_asks_for_nothing() -> None:
    assert retry_after({}, NOW) is None


def test_a_date_is_compared_with_the_targets_own_clock() -> None:
    headers = {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT", "date": "Sun, 06 Nov 1994 08:49:30 GMT"}
    assert retry_after(headers, NOW + timedelta(days=1)) == 7
    assert retry_after(headers | {"date": "yesterday"}, NOW) == 37
    assert retry_after(headers, None) == 7
    assert retry_after({"retry-after": headers["retry-after"]}, None) is None


@given(st.text(), st.text())
def test_no_header_breaks_it_or_makes_one_wait_for_longer_than_a_week(value: str, date: str) -> None:
    wait = retry_after({"retry-after": value, "date": date}, NOW)
    assert wait is None or 0 <= wait <= WEEK
