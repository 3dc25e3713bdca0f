"""The laboratory itself: workers die, overrun and freeze as they are told, and their clocks are wrong."""

import threading
import time
from collections.abc import Iterator

import pytest

from shared.settings import Settings
from tests.faults.lab.bench import Lab, Size, laboratory
from tests.faults.lab.worker import Invocation
from tests.faults.workload import new_owner

pytestmark = pytest.mark.chaos

NOTHING = Invocation("executor", {"Records": []}, 30.0)


@pytest.fixture
def lab(server: Settings) -> Iterator[Lab]:
    with laboratory(
        server, Size(), seed=1, armed={"creator-0": "plan.locked=kill", "creator-1": "plan.locked=hang"}
    ) as lab:
        yield lab


def test_a_worker_serves_one_invocation_after_the_other_and_another_one_takes_its_place(lab: Lab) -> None:
    sandbox = lab.executors[0]
    assert sandbox.invoke(NOTHING).ok
    assert sandbox.invoke(NOTHING).ok
    assert sandbox.generation == 1
    assert sandbox.kill()
    died = sandbox.invoke(NOTHING)
    assert (died.ok, died.answer, died.overran) == (False, None, False)
    assert sandbox.invoke(NOTHING).ok
    assert sandbox.generation == 2


def test_a_fault_at_a_point_is_told_before_it_happens_and_happens_to_one_worker(lab: Lab) -> None:
    new_owner(lab.services, lab.target.url)
    tick = Invocation("creator", {"ticks": 1}, 30.0)
    died = lab.creators[0].invoke(tick)
    assert (died.answer, died.faults, died.overran) == (None, ("kill",), False)
    assert lab.creators[0].invoke(tick).ok


def test_who_overruns_is_killed(lab: Lab) -> None:
    hung = lab.creators[1].invoke(Invocation("creator", {"ticks": 1}, 12.0))
    assert (hung.answer, hung.faults, hung.overran) == (None, ("hang",), True)


def test_what_a_handler_raises_is_an_answer(lab: Lab) -> None:
    lab.executors[0].arm("receive.received=raise")
    raised = lab.executors[0].invoke(Invocation("executor", {"Records": [{"body": '{"triggers": [1]}'}]}, 30.0))
    assert raised.answer
    assert (raised.answer.error, raised.faults) == ("Injected: a fail point raised", ("raise",))
    assert lab.executors[0].invoke(NOTHING).ok


def test_a_frozen_worker_goes_on_where_it_was(lab: Lab) -> None:
    sandbox = lab.executors[0]
    sandbox.invoke(NOTHING)
    sandbox.stop()
    threading.Timer(0.3, sandbox.go_on).start()
    assert sandbox.invoke(NOTHING).ok
    assert sandbox.generation == 1


def test_a_worker_whose_clock_is_wrong_logs_another_time_and_works_by_the_databases(lab: Lab) -> None:
    sandbox = lab.executors[0]
    sandbox.rebirth(skew=-3600.0)
    assert sandbox.invoke(NOTHING).ok
    hour = time.strftime("%Y-%m-%d %H", time.gmtime(time.time() - 3600))
    assert f'"timestamp":"{hour}' in lab.log.read_text()
    beat = "SELECT abs(extract(epoch FROM clock_timestamp() - max(beat_at))) FROM heartbeats"
    with lab.services.database.begin() as connection:
        assert connection.exec_driver_sql(beat).scalar_one() < 60
