"""A wrong environment is reported once, with every fault."""

import pytest

from shared.settings import NAMES, BadSettings, Environment, Settings, Ssl

GOOD = {
    "DB_HOST": "db.example.org",
    "DB_USER": "cronny",
    "DB_PASSWORD": "secret",
    "DB_NAME": "cronny",
    "CRONNY_QUEUE_URL": "http://127.0.0.1:4566/000000000000/cronny-triggers",
}


def test_defaults_suit_a_laptop() -> None:
    settings = Settings.load(GOOD)
    assert (settings.db_port, settings.port, settings.executions_per_job) == (5432, 8009, 10)
    assert settings.environment is Environment.DEVELOPMENT
    assert settings.db_ssl is Ssl.DISABLE
    assert settings.allowed_networks == ()


def test_production_encrypts_and_has_no_default_secret() -> None:
    with pytest.raises(BadSettings) as error:
        Settings.load(GOOD | {"CRONNY_ENV": "production"})
    assert error.value.faults == ("JWT_SECRET is missing",)
    assert Settings.load(GOOD | {"CRONNY_ENV": "production", "JWT_SECRET": "x" * 32}).db_ssl is Ssl.REQUIRE


def test_all_faults_are_reported_at_once() -> None:
    bad = {
        "DB_PORT": "many",
        "DB_SSL": "perhaps",
        "CRONNY_ENV": "moon",
        "PORT": "0",
        "JWT_SECRET": "short",
        "JWT_SECRET_PREVIOUS": "short",
        "CRONNY_GOOGLE_KEYS_URL": "google",
        "CRONNY_EXECUTIONS_PER_JOB": "-1",
        "CRONNY_QUEUE_URL": "queue",
        "CRONNY_ALLOWED_NETWORKS": "10.0.0.0/99",
        "CRONNY_DEAD_LETTER_QUEUE_URL": "queue",
        "CRONNY_FAIL_POINTS": "nowhere=kill",
        "CRONNY_METRICS_TOKEN": "shorter",
        "CRONNY_RATE_LIMITS": "some",
        "CRONNY_KMS_KEY_ID": "my key!",
        "CRONNY_KEY_FILE": "keys/mine",
        "CRONNY_AWS_TARGETS": "orders",
    }
    with pytest.raises(BadSettings) as error:
        Settings.load(bad)
    named = {fault.split("=")[0].split(":")[0].split(" ")[0] for fault in error.value.faults}
    # Any text may be the name of an OAuth client.
    assert named == set(NAMES) - {"CRONNY_GOOGLE_CLIENT_ID"}
    assert "development, staging, production" in str(error.value)
    assert "short" not in str(error.value)


@pytest.mark.parametrize("answer", ["no", "NO", "false"])
def test_mysql_is_refused_by_name(answer: str) -> None:
    with pytest.raises(BadSettings, match="MySQL, which is not supported"):
        Settings.load(GOOD | {"USE_PG": answer})


def test_networks_are_read() -> None:
    settings = Settings.load(GOOD | {"CRONNY_ALLOWED_NETWORKS": "127.0.0.0/8, ::1/128"})
    assert [str(network) for network in settings.allowed_networks] == ["127.0.0.0/8", "::1/128"]


def test_what_jobs_may_reach_in_aws_is_nothing_unless_it_is_said() -> None:
    assert str(Settings.load(GOOD).aws_targets) == ""
    raw = "arn:aws:sqs:*:123456789012:orders,7@arn:aws:iam::*:role/cronny-*"
    assert str(Settings.load(GOOD | {"CRONNY_AWS_TARGETS": raw}).aws_targets) == raw


def test_all_of_aws_is_open_in_development_only() -> None:
    assert str(Settings.load(GOOD | {"CRONNY_AWS_TARGETS": "*"}).aws_targets) == "*"
    production = GOOD | {"CRONNY_ENV": "production", "JWT_SECRET": "x" * 32}
    for raw in ("*", "7@*", "arn:aws:sqs:*:*:a,*"):
        with pytest.raises(BadSettings, match="name what jobs may reach"):
            Settings.load(production | {"CRONNY_AWS_TARGETS": raw})
