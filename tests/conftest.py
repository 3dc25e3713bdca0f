"""A real PostgreSQL for every test: one server per run, one migrated template database, one clone of it per test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import Connection, Engine

from infra.local.home import Home
from infra.local.postgres import EmbeddedPostgres
from infra.local.warm import EXECUTORS
from shared.failpoints import arm
from shared.runners.http_client import guarded_client
from shared.runners.registry import build_runners
from shared.services import Services
from shared.settings import Settings
from shared.store.engine import Database
from shared.store.invariants import violations
from shared.vault import Vault
from shared.vault.file import FileKeys
from tests.cloud import Cloud, wait_for
from tests.databases import Databases, connected, make_template
from tests.fakes import RecordedQueue, SetClock
from tests.targets import Target, running_target


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: the tests of the whole local cloud and of faults mostly wait."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests of the whole local cloud first: the others fill the time on the other cores."""
    items.sort(key=lambda item: item.get_closest_marker("cloud") is None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Settings]:
    """The run's server with a migrated template database; the last xdist worker to leave stops it."""
    shared_by_workers = tmp_path_factory.getbasetemp().parent
    home = shared_by_workers / "postgres-home" if worker_id != "master" else Path(tempfile.mkdtemp())
    home.mkdir(exist_ok=True)
    lock = FileLock(home / "lock")
    users = home / "users"
    postgres = EmbeddedPostgres(home, fsync=False)
    with lock:
        first = not users.exists()
        settings = server_settings(postgres.start())
        if first:
            make_template(settings)
        users.write_text(str(int(users.read_text()) + 1 if not first else 1))
    yield settings
    with lock:
        left = int(users.read_text()) - 1
        users.write_text(str(left))
        if left == 0:
            postgres.destroy()
            users.unlink()  # a worker that needs the server only now makes a new one, template and all
    if worker_id == "master":
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(server: Settings) -> Databases:
    """What this worker has to lend."""
    return Databases(server)


@pytest.fixture
def settings(databases: Databases) -> Iterator[Settings]:
    """Settings of a database of this test's own."""
    with databases.lend() as settings:
        yield settings


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The test's own way into its database, with connections to spare for races."""
    database = connected(settings, pool_size=10)
    yield database
    database.close()


@pytest.fixture
def engine(database: Database) -> Engine:
    """The engine below ``database``, to look at rows."""
    return database.engine


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """One open transaction."""
    with database.begin() as connection:
        yield connection


@pytest.fixture
def queue() -> RecordedQueue:
    """Remembers what was sent."""
    return RecordedQueue()


@pytest.fixture
def clock(database: Database) -> SetClock:
    """Stands still at the database's time until a test moves it."""
    return SetClock(database.now())


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the key that secrets are sealed under."""
    return Home(tmp_path_factory.mktemp("key")).key_file()


@pytest.fixture
def services(settings: Settings, queue: RecordedQueue, clock: SetClock, key_file: Path) -> Iterator[Services]:
    """What verbs work with: real database and runners, a recorded queue, a clock to set.

    One connection, as in a function: whoever asks for a second one while holding the first hangs here, too.
    """
    database = connected(settings, pool_size=1)
    vault = Vault([FileKeys(str(key_file))])
    web = guarded_client(settings.allowed_networks)
    runners = build_runners(settings.allowed_networks)
    yield Services(settings, database, queue, runners, clock, "test", vault=vault, web=web)
    web.pool.close()
    database.close()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A running local cloud without the demo."""
    cloud = Cloud(tmp_path_factory.mktemp("cloud") / "home")
    try:
        cloud.start()
        # Ten executors that start at once keep two cores busy; tests count seconds from when they have.
        wait_for("the executors to be warm", 120, lambda: cloud.instances("executor") >= EXECUTORS)
        yield cloud
    finally:
        cloud.stop()
        assert cloud.processes() == [], "the local cloud left processes behind"


@pytest.fixture
def target() -> Iterator[Target]:
    with running_target() as target:
        yield target


def server_settings(variables: dict[str, str]) -> Settings:
    """Settings of a server that names itself by DB_* variables; jobs may call loopback, and tests ask often."""
    rest = {"CRONNY_QUEUE_URL": "http://127.0.0.1:1/queue", "CRONNY_ALLOWED_NETWORKS": "127.0.0.0/8"}
    return Settings.load(variables | rest | {"CRONNY_RATE_LIMITS": "off"})


@pytest.fixture(autouse=True)
def _unarmed() -> Iterator[None]:
    """No fail point outlives the test that armed it."""
    yield
    arm({})


@pytest.fixture
def sound(services: Services) -> Iterator[None]:
    """Whatever the test does, no invariant is violated afterwards."""
    yield
    with services.database.begin() as connection:
        assert violations(connection, services.clock.now(), patience=3600) == []
