"""The API's own function behind a real HTTP server on loopback, a real database, and somebody who has one of each."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.application import build
from functions.api import answer
from infra.local.gateway import listen
from infra.local.home import Home
from infra.local.ports import LOOPBACK
from shared.runners.registry import build_runners
from shared.services import Services
from shared.settings import Settings
from shared.store.engine import connect
from shared.vault import Vault
from shared.vault.file import FileKeys
from shared.wiring import clock
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_action, make_job, make_schedule, sign_up
from tests.fakes import RecordedQueue


@dataclass(frozen=True)
class Api:
    """Where it answers, and who may ask it what."""

    url: str
    client: Client

    def token(self, who: str) -> str:
        """A session of its user, an API key of theirs with all scopes, or nothing."""
        if who == "key":
            body = {"name": "fuzz", "scopes": ["read", "write", "run"]}
            return str(self.client.post("user/keys", body).json["secret"])
        return self.client.headers["authorization"].removeprefix("Bearer ") if who == "user" else ""


@contextmanager
def running_api(settings: Settings) -> Iterator[Api]:
    """Answers with this database until the end."""
    database = connect(settings)
    runners = build_runners(settings.allowed_networks)
    folder = tempfile.TemporaryDirectory()
    vault = Vault([FileKeys(str(Home(Path(folder.name)).key_file()))])
    services = Services(settings, database, RecordedQueue(), runners, clock(database, settings), "fuzz", vault=vault)
    application = build(lambda: services)
    server = listen(0, lambda event, context: answer(application, event, context))
    try:
        yield Api(f"http://{LOOPBACK}:{server.server_address[1]}", furnished(application))
    finally:
        server.shutdown()
        server.server_close()
        database.close()
        folder.cleanup()


def furnished(application: Any) -> Client:
    """A user who has one of each, so that ids of small numbers lead somewhere."""
    client = sign_up(Client(application), "somebody")
    action = make_action(client)
    make_job(client, action)
    client.post("secrets", {"name": "TOKEN", "value": "a value that nobody sees"})
    client.post("calendars", {"name": "Closed", "dates": ["2030-12-25"]})
    client.post("job_templates", {"name": "mine", "job_type": "http"})
    schedule = make_schedule(client, action, schedule_status="inactive")
    for _ in range(3):
        client.post(f"schedules/{schedule['id']}/run")
    return client
