"""The logger job type."""

import logging

import pytest

from shared.job import JsonValue
from shared.runners.logger import LoggerRunner
from tests.shared.runners.conftest import within


@pytest.mark.parametrize(
    ("job_input", "message"),
    [
        ({"message": "hi"}, "hi"),
        ({"a": 1}, {"a": 1}),
        ([1], [1]),
        ("text", "text"),
        (None, None),
        ({"message": {}}, {}),
    ],
)
def test_any_json_is_logged_and_answered(
    job_input: JsonValue, message: JsonValue, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "cronny.job"):
        outcome = LoggerRunner().run(job_input, within(1))
    assert outcome.ok
    assert outcome.output == {"message": message}
    assert len(caplog.records) == 1


def test_a_message_cannot_forge_a_second_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "cronny.job"):
        LoggerRunner().run({"message": "one\ntwo"}, within(1))
    assert caplog.messages == ['"one\\ntwo"']
