"""Campaign B in small: the same seed gives the same events, and a few seconds of it leave nothing lost or doubled."""

from itertools import pairwise

import pytest

from tests.faults.campaign.director import Loss, Record
from tests.faults.campaign.events import HABITS, schedule
from tests.faults.campaign.recovery import Times, after_kills, after_returns
from tests.faults.campaign.run import PLACES, campaign
from tests.faults.lab.target import Call

pytestmark = pytest.mark.chaos


def test_a_seed_decides_every_event() -> None:
    assert schedule(1, 600, PLACES) == schedule(1, 600, PLACES) != schedule(2, 600, PLACES)


def test_a_longer_campaign_begins_like_a_shorter_one() -> None:
    short = schedule(1, 120, PLACES)
    assert schedule(1, 600, PLACES)[: len(short)] == short


def test_half_an_hour_has_everything_in_it() -> None:
    events = schedule(1, 1800, PLACES)
    assert {event.what for event in events} == {
        *("arm", "clock off", "crash postgres", "freeze", "kill", "queue away", "queue misbehaves"),
        *("restart postgres", "rules misbehave", "target broken", "target slow"),
    }
    assert any(event.what == "queue away" and event.amount == 60.0 for event in events)
    assert len(HABITS) > 10
    restarts = [event.at for event in events if "postgres" in event.what]
    assert all(5 <= later - earlier <= 20.01 for earlier, later in pairwise(restarts))


def call(key: str, begun: float) -> Call:
    return Call(key, "", begun, begun + 0.1, answered=True)


def test_recovery_from_a_kill_is_timed_by_the_next_call_of_each_trigger_that_was_running() -> None:
    record = Record(kills=[Loss(10.0, (1, 2)), Loss(50.0, (3,))])
    calls = [call("cronny-1-7", 9.0), call("cronny-1-7", 28.0), call("cronny-2-7", 31.0), call("cronny-3-7", 49.0)]
    assert after_kills(record, calls) == Times(2, 19.5, 21.0)


def test_recovery_from_an_outage_is_timed_by_the_first_call_unless_another_outage_hides_it() -> None:
    record = Record(queue_away=[(100.0, 160.0)])
    calls = [call("cronny-1-7", begun) for begun in (11.0, 30.5, 200.0)]
    assert after_returns([10.0, 30.0, 120.0], calls, record) == Times(2, 0.75, 1.0)


def test_a_few_seconds_in_which_everything_fails_lose_nothing_and_double_nothing() -> None:
    lines: list[str] = []
    report = campaign(seed=1, minutes=0.1, tell=lines.append)
    assert report.account.faults == [], "\n".join(lines)
    assert report.account.decided >= 100
    assert sum(report.events.values()) > 0
