"""Whoever guesses waits, longer each time, and nobody waits for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.guessing import LONGEST_WAIT, account_key, network_key, waits_until

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (9, 16), (15, 900), (5000, 900)])
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert waits_until(failures, 5, NOW) - NOW == timedelta(seconds=seconds) <= LONGEST_WAIT


def test_a_name_is_one_however_it_is_written() -> None:
    assert account_key(" Ada@Example.org ") == account_key("ada@example.org") != account_key("bob@example.org")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.250", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_a_network_is_what_one_household_has(one: str, other: str, same: bool) -> None:
    assert (network_key(one) == network_key(other)) is same


@pytest.mark.parametrize("address", ["", "unknown", "1.2.3", "x" * 1000])
def test_what_is_no_address_has_no_network(address: str) -> None:
    assert network_key(address) is None
