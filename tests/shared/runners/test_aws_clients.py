"""Clients of AWS as wiring makes them, and whom they trust."""

import pytest

from shared.runners.aws_roles import Credentials
from shared.settings import Settings
from shared.wiring import BotoClients, aws
from tests.shared.runners.clouds import credentials
from tests.shared.test_settings import GOOD

__all__ = ["credentials"]


@pytest.mark.parametrize("seconds", [1, 2, 5, 60, 600])
@pytest.mark.usefixtures("credentials")
def test_a_client_gives_up_in_time_and_tries_nothing_twice(seconds: int) -> None:
    config = BotoClients().client("sqs", "eu-central-1", seconds).meta.config
    assert 0 < config.connect_timeout + config.read_timeout <= seconds
    assert config.retries["total_max_attempts"] == 1


@pytest.mark.usefixtures("credentials")
def test_clients_are_made_once_for_each_kind_and_never_shared_between_roles() -> None:
    clients = BotoClients()
    first, second = (Credentials(f"key-{number}", "secret", "token") for number in (1, 2))
    made = [clients.client("sqs", "eu-central-1", 5, role) for role in (None, None, first, first, second)]
    assert made[0] is made[1] is not made[2]
    assert made[2] is made[3] is not made[4]


def test_roles_are_trusted_in_development_only() -> None:
    production = GOOD | {"CRONNY_ENV": "production", "JWT_SECRET": "x" * 32}
    assert aws(Settings.load(production)).roles.distrust
    assert not aws(Settings.load(GOOD)).roles.distrust
