"""The driver: one round trip for a statement, and statements that the server remembers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import TIMESTAMP, Connection, Integer, Numeric, Text, bindparam, cast, column, select, table
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.errors import Invalid, Unavailable
from shared.settings import Settings
from shared.store import driver
from shared.store.engine import Database, connect

ECHO = select(cast(bindparam("said"), Integer))
PREPARED = "SELECT count(*) FROM pg_prepared_statements"


@pytest.fixture
def one(settings: Settings) -> Iterator[Database]:
    """A database with a single connection, new."""
    database = connect(settings)
    yield database
    database.close()


def pg(connection: Connection) -> Any:
    """The driver's connection below."""
    return connection.connection.dbapi_connection


def trips(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each flush of what was written to the server."""
    counted: list[int] = []
    sock = pg(connection)._sock
    flush = sock.flush

    def counting() -> None:
        counted.append(1)
        flush()

    monkeypatch.setattr(sock, "flush", counting, raising=False)
    return counted


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (7, Integer()),
        (None, Integer()),
        ('it\'s "100 %" \\ $1 :x %s ✓', Text()),
        (["a,b", None, '"{}\\', ""], ARRAY(Text())),
        ([], ARRAY(Integer())),
        ({"a": [1, None, {"b": "%"}]}, JSONB()),
        (datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=UTC), TIMESTAMP(timezone=True)),
        (Decimal("1.50"), Numeric()),
    ],
)
def test_what_is_sent_comes_back_the_first_time_and_from_then_on(one: Database, value: Any, kind: Any) -> None:
    echo = select(bindparam("said", type_=kind), bindparam("said", type_=kind))
    for _ in range(3):
        with one.begin() as connection:
            assert connection.execute(echo, {"said": value}).one() == (value, value)


def test_a_statement_takes_one_round_trip_and_so_does_the_end(one: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with one.engine.connect() as connection:
        counted = trips(connection, monkeypatch)
        for said in range(3):
            connection.execute(ECHO, {"said": said})
            assert len(counted) == 1, "BEGIN, parsing, and running it"
            connection.execute(ECHO, {"said": said})
            assert len(counted) == 2
            connection.commit()
            assert len(counted) == 3
            counted.clear()


def test_a_connection_that_was_just_heard_of_is_taken_at_its_word(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one.begin() as connection:
        connection.execute(ECHO, {"said": 1})
        counted = trips(connection, monkeypatch)
    counted.clear()
    with one.begin() as connection:
        assert counted == []
    monkeypatch.setattr(driver, "TRUSTED_SECONDS", -1)
    with one.begin() as connection:
        assert counted == [1]


def test_a_connection_that_the_server_has_ended_is_replaced_before_it_is_used(
    one: Database, database: Database
) -> None:
    with one.begin() as connection:
        ended = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with database.begin() as connection:
        assert connection.exec_driver_sql(f"SELECT pg_terminate_backend({ended}, 5000)").scalar_one()
    with one.begin() as connection:
        assert connection.execute(ECHO, {"said": 1}).scalar_one() == 1


def test_a_statement_is_prepared_once(one: Database) -> None:
    with one.begin() as connection:
        before = connection.exec_driver_sql(PREPARED).scalar_one()
    for said in range(5):
        with one.begin() as connection:
            connection.execute(ECHO, {"said": said})
            assert connection.exec_driver_sql(PREPARED).scalar_one() == before + 1


def test_the_server_remembers_no_more_than_so_many(one: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_PREPARED", 3)
    statements = [select(cast(bindparam("said"), Integer).label(f"number_{number}")) for number in range(8)]
    with one.begin() as connection:
        for statement in [*statements, *reversed(statements)]:
            assert connection.execute(statement, {"said": 1}).scalar_one() == 1
        assert connection.exec_driver_sql(PREPARED).scalar_one() <= 4


def test_a_statement_that_failed_works_the_next_time(one: Database) -> None:
    divide = select(10 / cast(bindparam("said"), Integer))
    for _ in range(3):
        with pytest.raises(Invalid), one.begin() as connection:
            connection.execute(divide, {"said": 0})
        with one.begin() as connection:
            assert connection.execute(divide, {"said": 5}).scalar_one() == 2


def test_a_remainder_is_one_percent_sign(one: Database) -> None:
    with one.begin() as connection:
        assert connection.execute(select(cast(bindparam("said"), Integer) % 4), {"said": 7}).scalar_one() == 3


def test_a_savepoint_outlives_a_statement_that_failed_in_it(one: Database) -> None:
    with one.begin() as connection:
        connection.execute(ECHO, {"said": 1})
        with pytest.raises(Exception, match="22012"), connection.begin_nested():
            connection.execute(select(1 / cast(bindparam("said"), Integer)), {"said": 0})
        assert connection.execute(ECHO, {"said": 2}).scalar_one() == 2


def test_a_column_that_changes_its_type_costs_one_attempt(one: Database, database: Database) -> None:
    changing = table("changing", column("said"))
    read = select(changing.c.said).where(bindparam("really"))
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE changing AS SELECT 1 AS said")
    with one.begin() as connection:
        assert connection.execute(read, {"really": True}).scalar_one() == 1
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE changing ALTER said TYPE text")
    with pytest.raises(Unavailable), one.begin() as connection:
        connection.execute(read, {"really": True})
    with one.begin() as connection:
        assert connection.execute(read, {"really": True}).scalar_one() == "1"


def test_what_cannot_be_sent_harms_nothing(one: Database) -> None:
    with one.begin() as connection:
        with pytest.raises(UnicodeEncodeError):
            connection.execute(ECHO, {"said": "\udcff"})
        assert connection.execute(ECHO, {"said": 3}).scalar_one() == 3


def test_an_answer_that_was_not_read_to_its_end_is_never_taken_for_another(
    one: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the network is slow: whoever gives up hangs up, and the next one dials."""

    def slow(*_: object) -> None:
        raise TimeoutError

    with one.begin() as connection:
        connection.execute(ECHO, {"said": 1})
        monkeypatch.setitem(pg(connection).message_types, b"D", slow)
    with pytest.raises(Unavailable), one.begin() as connection:
        connection.execute(ECHO, {"said": 2})
    for said in (3, 4):
        with one.begin() as connection:
            assert connection.execute(ECHO, {"said": said}).scalar_one() == said


def test_nothing_is_sent_to_end_a_transaction_that_never_began(one: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with one.engine.connect() as connection:
        counted = trips(connection, monkeypatch)
        connection.commit()
        connection.rollback()
        assert counted == []


def test_autocommit_begins_no_transaction(one: Database) -> None:
    with one.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert connection.execute(ECHO, {"said": 1}).scalar_one() == 1
        assert not pg(connection)._in_transaction
