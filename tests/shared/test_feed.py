"""When the URL of a calendar is asked again."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.feed import FRESH_FOR, next_fetch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("failures", [0, 1, 2, 3, 8, 9, 100, 10**9])
def test_it_is_asked_at_least_daily_whatever_happened(failures: int) -> None:
    latest, earliest = next_fetch(NOW, failures, 0.0) - NOW, next_fetch(NOW, failures, 0.999) - NOW
    assert timedelta(minutes=7) < earliest < latest <= FRESH_FOR <= timedelta(days=1)


def test_who_fails_is_asked_less_and_less_often() -> None:
    waits = [(next_fetch(NOW, failures, 0.0) - NOW) / timedelta(minutes=10) for failures in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 144]
