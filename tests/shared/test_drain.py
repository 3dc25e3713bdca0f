"""Messages that no executor could take are written down once, and what they named goes on."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from shared.clean import MESSAGES_KEPT, clean
from shared.dispatch import dispatch
from shared.drain import NOTHING, SENT_AGAIN, drain
from shared.errors import Unavailable
from shared.execute import execute
from shared.manage.history import get_trigger
from shared.plan import plan
from shared.queue import DeadMessage, encode
from shared.recover import recover
from shared.services import Services
from shared.store.tables import dead_messages
from shared.trigger import TriggerId
from shared.user import UserId
from tests.fakes import DeadQueue, RecordedQueue, SetClock
from tests.world import count, new_logger_schedule, set_trigger, the_triggers

pytestmark = pytest.mark.usefixtures("sound")


@pytest.fixture
def dead(services: Services) -> DeadQueue:
    return DeadQueue()


@pytest.fixture
def draining(services: Services, dead: DeadQueue) -> Services:
    return replace(services, dead_letters=dead)


@pytest.fixture
def queued(services: Services, clock: SetClock) -> Any:
    schedule = new_logger_schedule(services)
    plan(services, clock.now())
    dispatch(services, clock.forward(10))
    return the_triggers(services, schedule)[0]


def naming(*trigger_ids: int, key: str = "m1") -> DeadMessage:
    return DeadMessage(key, encode(tuple(map(TriggerId, trigger_ids))), 6, "handle")


def written(services: Services) -> list[Any]:
    with services.database.begin() as connection:
        return list(connection.execute(select(dead_messages).order_by(dead_messages.c.message_id)))


def test_without_a_dead_letter_queue_there_is_nothing_to_drain(services: Services, clock: SetClock) -> None:
    assert drain(services, clock.now()) == NOTHING


def test_what_is_still_queued_is_sent_again_alone_and_runs(
    draining: Services, dead: DeadQueue, queue: RecordedQueue, clock: SetClock, queued: Any
) -> None:
    dead.messages.append(naming(queued.id))
    queue.packs.clear()
    assert drain(draining, clock.now()).resent == 1
    assert dead.messages == []
    (row,) = written(draining)
    assert (row.message_id, row.trigger_ids, row.receives) == ("m1", [queued.id], 6)
    trigger = the_triggers(draining, queued.schedule_id)[0]
    assert (trigger.alone, trigger.reason, trigger.resend_at) == (True, SENT_AGAIN, clock.now())
    recover(draining, clock.now())
    assert queue.packs == [(queued.id,)]
    execute(draining, queue.packs[0], time.monotonic() + 30)
    after = the_triggers(draining, queued.schedule_id)[0]
    assert (after.status, after.reason) == ("completed", None)


def test_the_trigger_tells_how_many_of_its_messages_were_given_up(
    draining: Services, dead: DeadQueue, clock: SetClock, queued: Any
) -> None:
    dead.messages += [naming(queued.id, 7, key="a"), naming(queued.id, key="b"), naming(7, key="c")]
    drain(draining, clock.now())
    assert get_trigger(draining, UserId(queued.user_id), queued.id).queue_failures == 2


@pytest.mark.parametrize("status", ["executing", "completed", "cancelled"])
def test_what_was_started_or_decided_meanwhile_is_left_alone(
    draining: Services, dead: DeadQueue, clock: SetClock, queued: Any, status: str
) -> None:
    ended = None if status == "executing" else clock.now()
    lease = clock.now() + timedelta(minutes=5) if status == "executing" else None
    ran = {} if status == "cancelled" else {"attempt": 1, "started_at": clock.now()}
    set_trigger(draining, queued.id, status=status, finished_at=ended, lease_until=lease, **ran)
    dead.messages.append(naming(queued.id))
    assert drain(draining, clock.now()).resent == 0
    after = the_triggers(draining, queued.schedule_id)[0]
    assert (after.status, after.alone, after.reason) == (status, False, None)


def test_a_message_that_returns_is_written_and_acted_upon_once(
    draining: Services, dead: DeadQueue, clock: SetClock, queued: Any
) -> None:
    """The process dies, or the queue goes away, between the COMMIT and the deletion."""
    dead.messages.append(naming(queued.id))
    dead.stubborn = True
    with pytest.raises(Unavailable):
        drain(draining, clock.now())
    set_trigger(draining, queued.id, alone=False, reason=None)
    dead.stubborn = False
    again = drain(draining, clock.forward(1))
    assert (again.messages, again.resent) == (1, 0)
    assert len(written(draining)) == 1
    assert the_triggers(draining, queued.schedule_id)[0].alone is False
    assert dead.messages == []


@pytest.mark.parametrize(
    "body", ["", "hello\x00", "[]", '{"triggers": [9223372036854775808]}', '{"triggers": [Infinity]}', "[" * 100_000]
)
def test_what_names_no_triggers_is_written_down_too(
    draining: Services, dead: DeadQueue, clock: SetClock, body: str
) -> None:
    dead.messages.append(DeadMessage("m1", body, 1, "handle"))
    assert drain(draining, clock.now()) == replace(NOTHING, messages=1, more=True)
    (row,) = written(draining)
    assert (row.trigger_ids, len(row.body) <= 4000) == ([], True)
    assert dead.messages == []


def test_what_is_written_down_is_forgotten_after_two_weeks(
    draining: Services, dead: DeadQueue, clock: SetClock
) -> None:
    dead.messages.append(naming(1))
    drain(draining, clock.now())
    clean(draining, clock.forward(MESSAGES_KEPT.total_seconds() - 1))
    assert count(draining, dead_messages) == 1
    clean(draining, clock.forward(1))
    assert count(draining, dead_messages) == 0


def test_the_body_of_a_strangers_message_is_in_no_log(
    draining: Services, dead: DeadQueue, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    dead.messages.append(DeadMessage("m1", json.dumps({"password": "canary"}), 1, "handle"))
    drain(draining, clock.now())
    assert "canary" not in caplog.text
