"""The host that a job calls, as its breaker names it."""

import pytest

from shared.job import JsonValue
from shared.runners.hosts import host_of


@pytest.mark.parametrize(
    ("job_type", "given", "host"),
    [
        ("http", {"url": "https://API.example.org/hook?a=1"}, "api.example.org:443"),
        ("http", {"url": "http://127.0.0.1:8080"}, "127.0.0.1:8080"),
        ("http", {"url": "http://[::1]/"}, "[::1]:80"),
        ("slack", {"webhook_url": "https://hooks.slack.com/services/x"}, "hooks.slack.com:443"),
        ("slack", {"token": "t", "channel": "#c"}, "slack.com:443"),
    ],
)
def test_scheme_name_and_port_say_it(job_type: str, given: JsonValue, host: str) -> None:
    assert host_of(job_type, given) == host


@pytest.mark.parametrize(
    ("job_type", "given"),
    [
        ("logger", {"url": "https://example.org"}),
        ("unknown", {"url": "https://example.org"}),
        ("http", {"url": "{{ jobs.first.output.url }}"}),
        ("http", {"url": 7}),
        ("http", {}),
        ("http", "https://example.org"),
        ("http", None),
        ("http", {"url": "http://" + "a" * 300 + ".example.org"}),
        ("http", {"url": "http://\ud800.example.org"}),
    ],
)
def test_what_names_no_host_has_none(job_type: str, given: JsonValue) -> None:
    assert host_of(job_type, given) is None
