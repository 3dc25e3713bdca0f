"""The account finds what is wrong: what it is to find is planted here, one fault at a time."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, update

from shared.dispatch import dispatch
from shared.execute import execute
from shared.plan import plan
from shared.schedule import ScheduleId
from shared.settings import Settings
from shared.store.tables import triggers
from tests.fakes import RecordedQueue
from tests.faults.accounts import Account, Span, draw_up, unfinished
from tests.faults.lab.bench import Lab, Size, laboratory
from tests.faults.lab.target import Call
from tests.faults.workload import new_owner
from tests.world import the_triggers

pytestmark = pytest.mark.chaos


@pytest.fixture
def lab(server: Settings) -> Iterator[Lab]:
    """Four occurrences of a schedule have run, by hand: one every second until now."""
    with laboratory(server, Size(executors=0, creators=0), seed=1) as lab:
        yield lab


@pytest.fixture
def until(lab: Lab) -> datetime:
    """The last due time, when everything has ended."""
    services = lab.services
    now = services.clock.now()
    until = now.replace(microsecond=0)
    owner = new_owner(services, lab.target.url)
    since = until - timedelta(seconds=4)
    owner.recurring(owner.single(), 1, until, anchor=since, active_since=since)
    plan(services, now)
    while dispatch(services, now).more:
        pass
    assert isinstance(services.queue, RecordedQueue)
    for pack in services.queue.packs:
        execute(services, pack, time.monotonic() + 30)
    plan(services, now)
    return until


def rows(lab: Lab) -> list[int]:
    return [row.id for row in the_triggers(lab.services, ScheduleId(1))]


def account_after(lab: Lab, until: datetime, statement: object) -> Account:
    with lab.services.database.begin() as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    return draw_up(lab, until)


def test_an_account_of_good_work_has_no_faults(lab: Lab, until: datetime) -> None:
    account = draw_up(lab, until)
    assert (account.expected, account.decided, account.executed, account.calls) == (4, 4, 4, 4)
    assert (account.lost, account.doubled, account.called_again, account.overlaps) == (0, 0, 0, 0)
    assert account.faults == []
    assert unfinished(lab, until) == 0


def test_an_occurrence_that_was_never_decided_is_lost(lab: Lab, until: datetime) -> None:
    account = account_after(lab, until, delete(triggers).where(triggers.c.id == rows(lab)[1]))
    assert account.lost == 1
    assert any("never decided" in fault for fault in account.faults)


def test_an_occurrence_that_never_ended_is_lost(lab: Lab, until: datetime) -> None:
    stuck = {"status": "executing", "finished_at": None, "lease_until": until}
    account = account_after(lab, until, update(triggers).where(triggers.c.id == rows(lab)[0]).values(**stuck))
    assert account.lost == 1
    assert any("never ended" in fault for fault in account.faults)
    assert unfinished(lab, until) == 1


def test_a_due_time_that_is_none_is_a_fault(lab: Lab, until: datetime) -> None:
    odd = until - timedelta(seconds=0.5)
    account = account_after(lab, until, update(triggers).where(triggers.c.id == rows(lab)[-1]).values(due_at=odd))
    assert (account.lost, account.doubled) == (1, 1)
    assert any("no due time" in fault for fault in account.faults)


def test_what_is_said_to_have_completed_and_never_called_the_target_is_lost(lab: Lab, until: datetime) -> None:
    lab.target.calls.pop()
    account = draw_up(lab, until)
    assert account.lost == 1
    assert any("knows nothing" in fault for fault in account.faults)


def test_an_occurrence_under_two_keys_was_decided_twice(lab: Lab, until: datetime) -> None:
    known = lab.target.calls[0]
    lab.target.calls.append(Call("cronny-999-1", known.occurrence, 0.0, 1.0, answered=True))
    account = draw_up(lab, until)
    assert account.doubled == 1
    assert any("several keys" in fault for fault in account.faults)


def test_two_calls_with_one_key_at_once_are_a_fault(lab: Lab, until: datetime) -> None:
    known = lab.target.calls[-1]
    lab.target.calls.append(Call(known.key, known.occurrence, known.begun, None))
    account = draw_up(lab, until)
    assert (account.overlaps, account.called_again) == (1, 1)


def test_a_violated_invariant_is_a_fault(lab: Lab, until: datetime) -> None:
    nobody = {"attempt": 0}
    account = account_after(lab, until, update(triggers).where(triggers.c.id == rows(lab)[0]).values(**nobody))
    assert any(fault.startswith("I6") for fault in account.faults)


def test_of_a_schedule_that_did_not_keep_still_only_the_spans_count(lab: Lab, until: datetime) -> None:
    with lab.services.database.begin() as connection:
        connection.execute(delete(triggers).where(triggers.c.id == rows(lab)[1]))
    second = timedelta(seconds=1)
    early, late = Span(until - 4 * second, until - 2 * second), Span(until - 2 * second, until + second)
    assert any("never decided" in fault for fault in draw_up(lab, until, {1: [early]}).faults)
    assert not any("never decided" in fault for fault in draw_up(lab, until, {1: [late]}).faults)
