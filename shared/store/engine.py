"""The engine and the one way to hold a connection: ``with database.begin() as connection``.

pg8000 reports the same event in different ways (a killed backend as InterfaceError, a statement timeout as
ProgrammingError 57014, a dead socket as a bare TimeoutError); they are told apart here and nowhere else.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, event, func, select
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.errors import CronnyError, Invalid, TooSlow, Unavailable
from shared.settings import Settings, Ssl
from shared.store.constraints import meaning
from shared.user import UserId

DRIVER = "postgresql+cronny"
registry.register("postgresql.cronny", "shared.store.driver", "Dialect")

NETWORK_TIMEOUT_SECONDS = 20
STATEMENT_TIMEOUT = "15s"
IDLE_IN_TRANSACTION_TIMEOUT = "10s"

# Both end with the transaction. The role has no rows of its own, see the migration 0009.
ON_BEHALF = select(
    func.set_config("role", "cronny_caller", True), func.set_config("cronny.caller", bindparam("caller"), True)
)

QUERY_CANCELED = "57014"
# Classes of SQLSTATE that say "later", not "wrong": connection, resources, operator intervention, system error; and
# 0A000, a column that another version of Cronny has changed since its statement was prepared, which the driver forgets.
_PASSING = ("08", "53", "57", "58", "40", "0A")


class Database:
    """A PostgreSQL that may go away and come back."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: commits at the end, rolls back on any error.

        Raises ``Unavailable`` when the database is away (then the COMMIT may or may not have happened: every write here
        can be replayed), what a violated constraint means, or ``Invalid`` for a value that no column can hold.
        """
        with _translating(), self.engine.begin() as connection:
            yield connection

    def of(self, user_id: UserId) -> "Database":
        """The same on behalf of a user: in what begins there, nobody else's rows exist."""
        return Fenced(self.engine, user_id)

    def now(self) -> datetime:
        """The database's time."""
        with self.begin() as connection:
            instant: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return instant

    def close(self) -> None:
        """Hang up; the next use connects again."""
        self.engine.dispose()


class Fenced(Database):
    """Row level security is the second fence between users, behind the ``WHERE user_id =`` of every statement.

    It costs one round trip a transaction.
    """

    def __init__(self, engine: Engine, user_id: UserId) -> None:
        super().__init__(engine)
        self._user_id = user_id

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction that sees this user's rows only. Raises what ``Database.begin`` raises."""
        with super().begin() as connection:
            connection.execute(ON_BEHALF, {"caller": str(self._user_id)})
            yield connection


class Joined(Database):
    """The same within a transaction that is open: what begins here is a savepoint of it, and commits when it does."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.engine)
        self._connection = connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A savepoint: kept at the end, rolled back on any error. Raises what ``Database.begin`` raises."""
        with _translating(), self._connection.begin_nested():
            yield self._connection


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise _translated(error) from error
    except (OSError, PoolTimeoutError) as error:
        raise Unavailable("The database is away; try again in a moment.") from error


def connect(settings: Settings, pool_size: int = 1) -> Database:
    """A lazy database: nothing is dialled before the first ``begin``.

    A Lambda instance serves one request at a time, so one connection is enough; a threaded server asks for more.
    """
    url = URL.create(
        DRIVER,
        settings.db_user,
        settings.db_password,
        settings.db_host,
        settings.db_port,
        settings.db_name,
    )
    engine = create_engine(
        url,
        paramstyle="numeric_dollar",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=300,
        # Errors are logged, and among the parameters are password hashes and people's inputs.
        hide_parameters=True,
        connect_args={
            "ssl_context": _ssl_context(settings.db_ssl),
            "timeout": NETWORK_TIMEOUT_SECONDS,
            "application_name": "cronny",
            # Start-up parameters and not SET: RDS Proxy pins a session that says SET.
            "startup_params": {
                "statement_timeout": STATEMENT_TIMEOUT,
                "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT,
                "TimeZone": "UTC",
            },
        },
    )
    event.listen(engine, "connect", _no_delay)
    return Database(engine)


def _no_delay(connection: Any, _record: object) -> None:
    # With Nagle's algorithm any statement over 8 KiB waits some 40 ms for the acknowledgement of its first part.
    connection._usock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _ssl_context(mode: Ssl) -> ssl.SSLContext | bool:
    if mode is Ssl.DISABLE:
        return False
    context = ssl.create_default_context()
    if mode is Ssl.REQUIRE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _translated(error: DBAPIError) -> CronnyError | DBAPIError:
    """The domain's word for a driver's error, by SQLSTATE class (PostgreSQL, appendix A); bugs stay what they are."""
    state = _detail(error, "C")
    if state == QUERY_CANCELED:
        return TooSlow("The database took too long; try again in a moment.")
    if error.connection_invalidated or not state or state.startswith(_PASSING):
        return Unavailable("The database is away; try again in a moment.")
    if state.startswith("23"):
        return meaning(_detail(error, "n"))
    if state.startswith("22"):
        return Invalid.field("body", "holds a value that cannot be stored, such as a date out of range")
    return error


def _detail(error: DBAPIError, key: str) -> str:
    """A field of PostgreSQL's error message: ``C`` the SQLSTATE, ``n`` the constraint; empty when there is none."""
    fields = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(fields.get(key, "")) if isinstance(fields, dict) else ""
