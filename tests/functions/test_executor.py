"""The executor's edge: messages as SQS delivers them, ours or not."""

from typing import Any

import pytest

from functions import executor
from shared import wiring
from shared.dispatch import dispatch
from shared.failpoints import Injected, arm
from shared.plan import plan
from shared.queue import encode
from shared.services import Services
from shared.store.tables import dead_messages, heartbeats
from tests.fakes import RecordedQueue, SetClock
from tests.functions.lambda_context import Context
from tests.world import count, new_logger_schedule, the_triggers


@pytest.fixture(autouse=True)
def _wired(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)


def sqs_event(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def test_what_the_creator_sends_is_what_the_executor_runs(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    event = sqs_event(*(encode(pack) for pack in queue.packs))
    assert executor.handler(event, Context()) == {"completed": 1, "failed": 0, "taken": 0, "put_back": 0}
    assert the_triggers(services, schedule)[0].status == "completed"
    assert executor.handler(event, Context()) == {"completed": 0, "failed": 0, "taken": 1, "put_back": 0}


@pytest.mark.parametrize(
    "body", ["", "hello", "[]", "{}", '{"triggers": 7}', '{"triggers": ["x"]}', '{"triggers": [null]}']
)
def test_a_message_that_is_none_of_ours_is_written_down_and_not_looped(services: Services, body: str) -> None:
    assert executor.handler(sqs_event(body), Context()) == {"completed": 0, "failed": 0, "taken": 0, "put_back": 0}
    executor.handler(sqs_event(body), Context())
    assert count(services, dead_messages, message_id="0", receives=1) == 1


def test_a_trigger_that_does_not_exist_is_nobodys(services: Services) -> None:
    assert executor.handler(sqs_event('{"triggers": [999999999]}'), Context())["taken"] == 1


def test_every_invocation_is_a_sign_of_life(services: Services) -> None:
    executor.handler({"Records": []}, Context())
    assert count(services, heartbeats, service="executor") == 1


def test_a_crash_before_anything_is_claimed_leaves_the_trigger_to_be_sent_again(
    services: Services, queue: RecordedQueue, clock: SetClock
) -> None:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    event = sqs_event(*(encode(pack) for pack in queue.packs))
    arm({"receive.received": "raise"})
    with pytest.raises(Injected):
        executor.handler(event, Context())
    assert the_triggers(services, schedule)[0].status == "queued"
    arm({})
    assert executor.handler(event, Context())["completed"] == 1
