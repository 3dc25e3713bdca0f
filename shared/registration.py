"""Registration: every function says that it is there, which version it is, and where its work comes from."""

from datetime import datetime
from enum import StrEnum

from shared import VERSION
from shared.services import Services
from shared.settings import Settings
from shared.store import Connection
from shared.store import services as own_rows

API_PATH = "/api/cronny/v1"


class Service(StrEnum):
    """Cronny's functions, by the names that they go by."""

    API = "api"
    CREATOR = "creator"
    EXECUTOR = "executor"
    CLEANER = "cleaner"
    MIGRATE = "migrate"


def register(connection: Connection, services: Services, service: Service, now: datetime) -> None:
    """A sign of life of this instance; the first one registers it."""
    endpoint = _endpoint(service, services.settings)
    own_rows.beat(connection, service, services.instance, VERSION, now, endpoint)


def _endpoint(service: Service, settings: Settings) -> str | None:
    """The name of a queue and no more of its address: everybody who is signed in may read it."""
    match service:
        case Service.API:
            return API_PATH
        case Service.CREATOR | Service.EXECUTOR:
            return settings.queue_url.rpartition("/")[2]
        case Service.CLEANER:
            return settings.dead_letter_queue.rpartition("/")[2] or None
        case Service.MIGRATE:
            return None
