"""A small part of the campaign in every test run: other expressions at other changes, but always the same ones."""

from datetime import UTC, datetime
from random import Random

from tests.time.campaign import EXPRESSIONS, Count, run
from tests.time.changes import census

# One zone of each kind: by the hour that changes, by half an hour or two, at midnight, off the hour, Ramadan.
ZONES = [
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Cairo", "America/Havana"),
    *("Pacific/Chatham", "Africa/Casablanca", "Asia/Gaza", "America/Santiago", "America/Nuuk", "Asia/Beirut"),
]


def test_a_sample_of_the_campaign_finds_no_difference_that_was_not_foretold() -> None:
    chosen = Random(5)
    found = census(ZONES, datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    assert found.changing == len(ZONES)
    total = Count()
    for situation in chosen.sample(found.situations, 20):
        total.add(run(situation, tuple(chosen.sample(EXPRESSIONS, 25))))
    assert total.unexplained == []
    assert total.cases == 500
    assert total.times > 5000
    assert total.rules, "there is always something for the rules to foretell"
