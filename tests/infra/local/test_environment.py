"""What the functions are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import environment
from infra.local.home import Home, LocalCloudError
from shared.settings import NAMES, Settings
from tests.infra.local.test_home import SESSION

DATABASE = {"DB_HOST": "127.0.0.1", "DB_USER": "u", "DB_PASSWORD": "p", "DB_NAME": "n"}


def test_a_machine_of_ones_own_needs_no_setting(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    settings = environment.load(Home(tmp_path), DATABASE)
    assert settings.development
    assert settings.port == 8009
    assert [str(network) for network in settings.allowed_networks] == ["127.0.0.0/8", "::1/128"]


def test_variables_are_the_inverse_of_loading(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    settings = environment.load(Home(tmp_path), DATABASE)
    variables = environment.variables(settings)
    assert Settings.load(variables) == settings
    assert set(variables) == set(NAMES) - {"PORT"}


def test_allowed_networks_set_to_nothing_stay_nothing(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("CRONNY_ALLOWED_NETWORKS", "")
    assert environment.load(Home(tmp_path), DATABASE).allowed_networks == ()


def test_jobs_reach_all_of_the_emulator_and_nothing_of_a_given_cloud(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    assert str(environment.load(Home(tmp_path), DATABASE).aws_targets) == "*"
    bare.setenv("AWS_ENDPOINT_URL", "https://aws.example.org")
    assert str(environment.load(Home(tmp_path), DATABASE).aws_targets) == ""
    bare.setenv("CRONNY_AWS_TARGETS", "arn:aws:sqs:*:*:orders")
    assert str(environment.load(Home(tmp_path), DATABASE).aws_targets) == "arn:aws:sqs:*:*:orders"


def test_all_faults_are_told_at_once(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("DB_HOST", "db.example")
    bare.setenv("PORT", "many")
    bare.setenv("USE_PG", "no")
    with pytest.raises(LocalCloudError) as failure:
        environment.load(Home(tmp_path), {})
    text = str(failure.value)
    assert all(word in text for word in ("DB_USER is missing", "DB_NAME is missing", "PORT=many", "not supported"))


def test_other_commands_use_the_running_sessions_database(
    tmp_path: Path, bare: pytest.MonkeyPatch, listening: int
) -> None:
    home = Home(tmp_path)
    home.announce(replace(SESSION, port=listening, settings=DATABASE | {"CRONNY_ENV": "development"}))
    with environment.database(home) as found:
        assert found == DATABASE
    assert environment.endpoint(home) == SESSION.endpoint


def test_a_given_database_comes_before_any_other(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    for name, value in DATABASE.items():
        bare.setenv(name, value)
    with environment.database(Home(tmp_path)) as found:
        assert environment.load(Home(tmp_path), found).db_user == "u"


def test_without_a_cloud_there_is_no_endpoint(tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalCloudError, match="make run"):
        environment.endpoint(Home(tmp_path))
