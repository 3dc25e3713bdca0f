"""The catalogue and the runners agree, and every schema describes the input its runner takes."""

import pytest
from jsonschema import Draft202012Validator

from shared.job import JsonValue
from shared.runners.registry import BUILT_IN, build_runners


def test_every_built_in_type_has_a_runner_and_a_title() -> None:
    assert list(build_runners(())) == list(BUILT_IN) == ["http", "slack", "logger"]
    assert all(kind.title and kind.description for kind in BUILT_IN.values())


@pytest.mark.parametrize("name", list(BUILT_IN))
def test_schemas_are_valid_and_say_which_draft(name: str) -> None:
    schema = BUILT_IN[name].input_schema
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("name", "job_input", "fits"),
    [
        ("http", {"url": "http://a"}, True),
        ("http", {"url": "http://a", "method": "get", "headers": {"a": 1}, "request_body": "", "query": {}}, True),
        ("http", {"url": "http://a", "auth": {"type": "basic", "username": "u", "password": "p"}}, True),
        ("http", {"url": "http://a", "auth": {}, "expected_status": "200-299, 404"}, True),
        ("http", {"url": "http://a", "expected_status": [200]}, True),
        ("http", {"url": "http://a", "expected_status": "2xx"}, False),
        ("http", {"url": "http://a", "auth": {"type": "bearer"}}, False),
        ("http", {"url": "http://a", "method": "BREW"}, False),
        ("http", {"method": "GET"}, False),
        ("http", "http://a", False),
        ("slack", {"message": "x", "webhook_url": "http://a"}, True),
        ("slack", {"message": "x", "token": "t", "channel": "c"}, True),
        ("slack", {"message": "x", "token": "t"}, False),
        ("logger", {"message": "x"}, True),
        ("logger", None, True),
    ],
)
def test_schemas_tell_good_input_from_bad(name: str, job_input: JsonValue, fits: bool) -> None:
    assert Draft202012Validator(BUILT_IN[name].input_schema).is_valid(job_input) is fits
