"""The one place that builds engine, clients and runners; each of them on first use, none on import."""

import os
import platform
from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shared import failpoints
from shared.clock import Reading, SteppedClock
from shared.queue import DeadLetterQueue, DeadMessage, Pack, TriggerQueue
from shared.runners.aws import Aws
from shared.runners.aws_roles import CONNECT_SECONDS, Credentials, Roles
from shared.runners.http_client import guarded_client
from shared.runners.registry import build_runners
from shared.services import Services
from shared.settings import Settings
from shared.store import virtual_clock
from shared.store.engine import Database, connect
from shared.vault import Binding, DataKey, Keys, Vault

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


@cache
def services() -> Services:
    """This process's services, by its environment. Raises ``BadSettings``."""
    settings = Settings.load(os.environ)
    failpoints.arm(settings.fail_points)
    database = connect(settings)
    return Services(
        settings=settings,
        database=database,
        queue=_SqsOnFirstUse(settings.queue_url),
        runners=build_runners(settings.allowed_networks, aws(settings)),
        clock=clock(database, settings),
        instance=f"{platform.node()}-{uuid4().hex[:8]}",
        vault=Vault(_keys(settings)),
        web=guarded_client(settings.allowed_networks),
        dead_letters=_DeadLettersOnFirstUse(settings.dead_letter_queue) if settings.dead_letter_queue else None,
    )


def clock(database: Database, settings: Settings) -> SteppedClock:
    """The database's time; outside development nobody plays with it, whatever the database holds."""
    return SteppedClock(partial(virtual_clock.read if settings.development else _real, database))


def _real(database: Database) -> Reading:
    now = database.now()
    return Reading(now, now)


class _SqsOnFirstUse:
    """boto3 takes a fifth of a second to load and to find its credentials; the API never sends anything."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, packs: Sequence[Pack]) -> int:
        """As ``TriggerQueue`` says."""
        return self._queue.send(packs)

    @cached_property
    def _queue(self) -> TriggerQueue:
        from shared.queue.sqs import SqsTriggerQueue

        # Short: a queue that does not answer must not hold up a tick; recover sends again.
        return SqsTriggerQueue(_sqs(), self._url)


class _DeadLettersOnFirstUse:
    """Only the cleaner looks there."""

    def __init__(self, url: str) -> None:
        self._url = url

    def receive(self) -> Sequence[DeadMessage]:
        """As ``DeadLetterQueue`` says."""
        return self._queue.receive()

    def delete(self, message: DeadMessage) -> None:
        """As ``DeadLetterQueue`` says."""
        self._queue.delete(message)

    @cached_property
    def _queue(self) -> DeadLetterQueue:
        from shared.queue.sqs import SqsDeadLetterQueue

        return SqsDeadLetterQueue(_sqs(), self._url)


def _keys(settings: Settings) -> tuple[Keys, ...]:
    """KMS before a file: while secrets move from one to the other, new ones go to KMS and old ones still open."""
    in_kms = [_KeysOnFirstUse(partial(_kms_keys, settings.kms_key_id))] if settings.kms_key_id else []
    in_file = [_KeysOnFirstUse(partial(_file_keys, settings.key_file))] if settings.key_file else []
    return (*in_kms, *in_file)


class _KeysOnFirstUse:
    """Only those pay for boto3 and for cryptography who have a secret to seal or to open."""

    def __init__(self, make: Callable[[], Keys]) -> None:
        self._make = make

    def has(self, key_id: str) -> bool:
        """As ``Keys`` says."""
        return self._keys.has(key_id)

    def new(self, binding: Binding) -> DataKey:
        """As ``Keys`` says."""
        return self._keys.new(binding)

    def unwrap(self, key_id: str, wrapped: bytes, binding: Binding) -> bytes:
        """As ``Keys`` says."""
        return self._keys.unwrap(key_id, wrapped, binding)

    @cached_property
    def _keys(self) -> Keys:
        return self._make()


def _kms_keys(key_id: str) -> Keys:
    import boto3
    from botocore.config import Config

    from shared.vault.kms import KmsKeys

    # Shorter than a transaction may be idle.
    config = Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 1})
    return KmsKeys(boto3.client("kms", config=config), key_id)


def _file_keys(path: str) -> Keys:
    from shared.vault.file import FileKeys

    return FileKeys(path)


def aws(settings: Settings) -> Aws:
    """AWS for jobs; emulators, which development has, let everybody assume every role."""
    clients = BotoClients()
    return Aws(settings.aws_targets, clients, Roles(clients, distrust=not settings.development))


class BotoClients:
    """Clients for jobs that reach into AWS. boto3 is loaded by the first of them; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Making a client takes ten milliseconds, and its timeouts are its own for good.
        self._made = lru_cache(maxsize=64)(_client)

    def client(self, service: str, region: str, seconds: float, credentials: Credentials | None = None) -> Any:
        """As ``AwsClients`` says."""
        with self._lock:
            return self._made(service, region, seconds, credentials)


def _client(service: str, region: str, seconds: float, credentials: Credentials | None) -> Any:
    import boto3
    from botocore.config import Config

    connect = min(CONNECT_SECONDS, seconds / 3)
    # Never twice: whether a job is tried again is for its retry to say, and botocore's tries have no deadline.
    config = Config(connect_timeout=connect, read_timeout=seconds - connect, retries={"total_max_attempts": 1})
    role = credentials and (credentials.key_id, credentials.secret, credentials.token)
    key_id, secret, token = role or (None, None, None)
    make: Any = boto3.client  # its own types know services by their names only
    return make(
        service,
        region_name=region,
        config=config,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def _sqs() -> "SQSClient":
    import boto3
    from botocore.config import Config

    return boto3.client("sqs", config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1}))
