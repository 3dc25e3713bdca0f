"""The two functions that take no input: what they answer, and that calling them again is harmless."""

import pytest

from functions import cleaner, migrate
from shared import wiring
from shared.services import Services
from shared.store.tables import heartbeats
from tests.functions.lambda_context import Context
from tests.world import count


@pytest.fixture(autouse=True)
def _wired(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "services", lambda: services)


def test_the_cleaner_says_what_it_removed_and_that_it_lives(services: Services) -> None:
    assert cleaner.handler({}, Context()) == {"executions": 0, "compacted": 0, "expired": 0}
    assert count(services, heartbeats, service="cleaner") == 1


def test_migrating_again_changes_nothing() -> None:
    assert migrate.handler({}, Context()) == migrate.handler({}, Context()) == {"revision": "0002"}
