"""Databases for tests: made from a template once, and after each test put back to how they were made.

Deleting the few rows that a test writes takes a millisecond or two; another copy of the template takes fifty times as
long. Whoever changed more than rows (a table, an index, statistics, a function) leaves a database that is thrown away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from sqlalchemy import Connection

from infra.migrations.run import upgrade
from shared.settings import Settings
from shared.store.engine import Database, connect

TEMPLATE = "cronny_template"
# Rows of every new database, kept beside its tables: ``seed.plans`` has those of ``plans``.
SEED = "seed"
# A test that wrote more than this leaves so many dead rows that others would be slow.
MAX_GROWTH = 2_000_000

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
# With the columns that are written, and not computed.
COLUMNS = """
    SELECT c.relname, string_agg(quote_ident(a.attname), ', ') FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
    WHERE c.relnamespace = '{}'::regnamespace AND relkind = 'r'
        AND attnum > 0 AND attgenerated = '' AND NOT attisdropped
    GROUP BY 1
"""
SEQUENCES = """
    SELECT format('%I.%I', schemaname, sequencename), start_value, last_value FROM pg_sequences
    WHERE schemaname = 'public'
"""
# Whatever is created, altered or dropped leaves another number of rows, or one that a later transaction wrote.
SHAPE = "SELECT " + ", ".join(
    f"(SELECT count(*) || '/' || max(xmin::text::bigint) FROM {catalog})"
    for catalog in ("pg_class", "pg_attribute", "pg_constraint", "pg_index", "pg_proc", "pg_trigger", "pg_policy")
)
STATISTICS = "SELECT count(*) FROM pg_statistic"
SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


_engines: dict[tuple[object, ...], Database] = {}


def connected(settings: Settings, pool_size: int) -> Database:
    """A way into a database, for one test at a time.

    A worker's tests get the same database again and again; so what was compiled for one is there for the next.
    """
    which = (settings.db_port, settings.db_name, pool_size)
    if which not in _engines:
        _engines[which] = connect(settings, pool_size)
    return _engines[which]


def on_server(server: Settings, statement: str) -> None:
    """Run one statement outside any transaction on the server's own database."""
    database = connect(server)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)
    database.close()


def make_template(server: Settings) -> None:
    """A migrated database that remembers the rows it has."""
    on_server(server, f"CREATE DATABASE {TEMPLATE}")
    database = connect(replace(server, db_name=TEMPLATE))
    upgrade(database)
    database.close()
    with _connected(replace(server, db_name=TEMPLATE)) as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {SEED}")
        for name, columns in connection.exec_driver_sql(COLUMNS.format("public")).all():
            if connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {name})").scalar_one():
                connection.exec_driver_sql(f"CREATE TABLE {SEED}.{name} AS SELECT {columns} FROM public.{name}")


@dataclass(frozen=True)
class Made:
    """How a database was made: what shape its catalogue has, and where its sequences stand."""

    shape: tuple[object, ...]
    sequences: dict[str, tuple[int, bool]]

    @classmethod
    def of(cls, connection: Connection) -> "Made":
        """A database as it is now."""
        shape = connection.exec_driver_sql(SHAPE).one()
        statistics = connection.exec_driver_sql(STATISTICS).scalar_one()
        sequences = connection.exec_driver_sql(SEQUENCES).all()
        return cls((*shape, statistics), {name: (last or start, bool(last)) for name, start, last in sequences})


@dataclass
class Databases:
    """What one test process has made; usually one at a time is in use."""

    server: Settings
    spare: dict[str, Made] = field(default_factory=dict)

    @contextmanager
    def lend(self) -> Iterator[Settings]:
        """The settings of a database that is as new."""
        name, made = self.spare.popitem() if self.spare else self._new()
        yield replace(self.server, db_name=name)
        if self._put_back(name, made):
            self.spare[name] = made
        else:
            on_server(self.server, f"DROP DATABASE {name} WITH (FORCE)")

    def _new(self) -> tuple[str, Made]:
        name = f"test_{uuid4().hex}"
        on_server(self.server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
        with _connected(replace(self.server, db_name=name)) as connection:
            return name, Made.of(connection)

    def _put_back(self, name: str, made: Made) -> bool:
        with _connected(replace(self.server, db_name=name)) as connection:
            connection.exec_driver_sql(OTHERS)
            grown = connection.exec_driver_sql(SIZE).scalar_one() > MAX_GROWTH
            if grown or Made.of(connection).shape != made.shape:
                return False
            connection.exec_driver_sql(_as_new(connection, made.sequences))
        return True


@contextmanager
def _connected(settings: Settings) -> Iterator[Connection]:
    database = connect(settings)
    with database.begin() as connection:
        yield connection
    database.close()


def _as_new(connection: Connection, sequences: dict[str, tuple[int, bool]]) -> str:
    """The statements that put every table and every sequence back, constraints aside while they run."""
    tables = connection.exec_driver_sql(TABLES).scalars().all()
    seeded = connection.exec_driver_sql(COLUMNS.format(SEED)).all()
    return ";".join(
        [
            "SET LOCAL session_replication_role = replica",
            *(f"DELETE FROM public.{name}" for name in tables),
            *(
                f"INSERT INTO public.{name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {SEED}.{name}"
                for name, columns in seeded
            ),
            *(f"SELECT setval('{name}', {value}, {called})" for name, (value, called) in sequences.items()),
        ]
    )
