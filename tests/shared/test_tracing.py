"""What a trigger's requests are found by in the traces of those whom they call."""

import logging
from dataclasses import replace

import pytest

from shared.manage.history import get_trigger
from shared.services import Services
from shared.settings import Settings
from shared.tracing import trace_id, traceparent
from shared.trigger import TriggerId
from tests.fakes import RecordedQueue, SetClock
from tests.shared.retrying import TWICE, World
from tests.targets import Target


def test_every_attempt_and_every_job_of_a_trigger_is_in_the_trace_that_the_api_tells(
    services: Services, clock: SetClock, queue: RecordedQueue, target: Target
) -> None:
    world = World(services, clock, queue)
    target.answers = [503, 200]
    world.chain((target.url + "/echo", {}), (target.url + "/answers", {"retry": TWICE}))
    trigger = world.start()
    assert world.forward(32).status == "completed"
    told = get_trigger(services, trigger.user_id, TriggerId(trigger.id)).trace_id
    headers = [seen.headers["traceparent"].split("-") for seen in target.seen]
    assert [trace for _, trace, _, _ in headers] == [told] * 3
    assert len({span for _, _, span, _ in headers}) == 3


def test_two_triggers_or_two_installations_share_no_trace(settings: Settings) -> None:
    others = [replace(settings, queue_url="http://127.0.0.1:2/queue"), replace(settings, db_host="db.example.org")]
    ids = [trace_id(settings, 1), trace_id(settings, 2), *(trace_id(other, 1) for other in others)]
    assert len(set(ids)) == 4
    assert trace_id(settings, 1) == ids[0]
    assert all(len(each) == 32 for each in ids)


def test_a_header_has_the_form_of_the_standard() -> None:
    version, trace, span, flags = traceparent("0af7651916cd43dd8448eb211c80319c").split("-")
    assert (version, trace, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "01")
    assert len(span) == 16
    assert int(span, 16) > 0


def test_lines_in_the_log_name_the_trigger_and_its_trace(
    services: Services, clock: SetClock, queue: RecordedQueue, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(services, clock, queue)
    world.call("", job_type="logger", job_input_value={"message": "hello"})
    with caplog.at_level(logging.INFO, "cronny.job"):
        trigger = world.start()
    line = next(record for record in caplog.records if record.name == "cronny.job")
    named = (vars(line)["trigger_id"], vars(line)["trace_id"])
    assert named == (trigger.id, trace_id(services.settings, trigger.id))
