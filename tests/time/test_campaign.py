"""A short version of the campaign: some changes of every kind, all expressions."""

import pytest

from tests.time.campaign import DELIBERATE, EXPRESSIONS, changes, of_zone, run

ODD = ("Australia/Lord_Howe", "Pacific/Chatham", "Africa/Casablanca", "America/Havana", "Atlantic/Azores")


@pytest.mark.parametrize("name", ("Europe/Berlin", "America/New_York", *ODD))
def test_our_times_are_cronsims_but_for_known_differences(name: str) -> None:
    for change in list(of_zone(name))[-4:]:
        count = run((name, change))
        assert count.cases == len(EXPRESSIONS) >= 200
        assert count.times > count.cases
        assert set(count.kinds) <= set(DELIBERATE), count.examples


def test_the_campaign_knows_the_changes_of_every_zone() -> None:
    found = changes()
    assert len(found) > 1000
    assert {"Africa/Casablanca", "America/New_York"} <= set(found.values()) | {"America/New_York"}
