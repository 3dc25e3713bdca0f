"""The catalogue and the runners agree, and every schema describes the input its runner takes."""

import pytest
from jsonschema import Draft202012Validator

from shared.job import JsonValue
from shared.runners.registry import BUILT_IN, build_runners


def test_every_built_in_type_has_a_runner_and_a_title() -> None:
    assert list(build_runners(())) == list(BUILT_IN)
    assert list(BUILT_IN)[:3] == ["http", "slack", "logger"]
    assert list(BUILT_IN)[3:] == ["email", "lambda", "sqs", "sns", "eventbridge", "ecs", "docker-registry"]
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
        ("http", {"url": "http://a", "assertions": [{"of": "status", "value": 200}], "signing": {"secret": "x"}}, True),
        ("http", {"url": "http://a", "assertions": [{"of": "weather"}]}, False),
        ("http", {"url": "http://a", "assertions": [{"of": "status"}] * 21}, False),
        ("http", {"url": "http://a", "signing": {"secret": 5}}, False),
        ("logger", {"message": "x"}, True),
        ("sqs", {"queue_arn": "arn:aws:sqs:eu-west-1:123456789012:q", "message": {"a": 1}, "role_arn": None}, True),
        ("sqs", {"queue_arn": "https://sqs.eu-west-1.amazonaws.com/123456789012/q", "message": "x"}, False),
        ("sqs", {"queue_arn": "arn:aws:sqs:eu-west-1:123456789012:q", "message": "x", "role_arn": "me"}, False),
        ("sns", {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:t", "message": "x", "subject": "s"}, True),
        ("sns", {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:t"}, False),
        ("lambda", {"function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:f", "invocation": None}, True),
        ("lambda", {"function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:f", "invocation": "x"}, False),
        ("eventbridge", {"event_bus_arn": "arn:aws:events:x", "source": "a", "detail_type": "b", "detail": {}}, True),
        ("eventbridge", {"event_bus_arn": "arn:aws:events:x", "source": "a", "detail_type": "b", "detail": []}, False),
        ("ecs", {"cluster_arn": "arn:a", "task_definition_arn": "arn:b", "subnets": ["subnet-1"]}, True),
        ("ecs", {"cluster_arn": "arn:a", "task_definition_arn": "arn:b", "containers": [{"command": ["x"]}]}, False),
        ("email", {"identity_arn": "arn:a", "from": "a@b.c", "to": "a@b.c", "subject": "s", "html": "<b>"}, True),
        ("email", {"identity_arn": "arn:a", "from": "a@b.c", "to": "a@b.c", "subject": "s"}, False),
        ("docker-registry", {"image": "nginx", "username": None, "insecure": False}, True),
        ("docker-registry", {"username": "ann"}, False),
        ("logger", None, True),
    ],
)
def test_schemas_tell_good_input_from_bad(name: str, job_input: JsonValue, fits: bool) -> None:
    assert Draft202012Validator(BUILT_IN[name].input_schema).is_valid(job_input) is fits
