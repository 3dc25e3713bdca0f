"""Row level security, the second fence: a statement that forgets to name its user still finds nobody else's rows."""

from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import ProgrammingError

from shared.services import Services
from shared.store.engine import Database
from shared.store.tables import metadata
from shared.user import UserId
from tests.chalicelib.client import Client
from tests.chalicelib.conftest import make_schedule
from tests.chalicelib.test_history import World
from tests.world import new_breaker

# Rows of nobody in particular: how far the cleaner is, which creator leads, how often what happened.
OF_NOBODY = {"cleaner_progress"}
ROLE = "cronny_caller"
# What may be read of those by everybody, and what counts wrong guesses by hashes.
SHARED = {"plans", "heartbeats", "virtual_clock"}
COUNTERS = {"login_failures"}

PRIVILEGES = text("""
    SELECT c.relname AS name, c.relrowsecurity AS fenced,
        ARRAY(SELECT DISTINCT privilege_type::text FROM information_schema.role_table_grants g
            WHERE g.table_name = c.relname AND g.grantee = 'cronny_caller' ORDER BY 1) AS may
    FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'p') AND c.relnamespace = 'public'::regnamespace""")


@pytest.fixture
def alices(alice: Client, engine: Engine, services: Services) -> UserId:
    """Alice's id; she has something in every table that has rows of users."""
    world = World(alice, engine, services.clock.now())
    user_id = UserId(alice.get("auth/me").json["user"]["id"])
    trigger_id = world.trigger("failed", 60)
    world.execution(trigger_id)
    world.ledger(3600, 1)
    new_breaker(services, user_id, "api.example.org:443")
    alice.post("job_templates", {"name": "mine", "job_type": "http"})
    calendar = alice.post("calendars", {"name": "mine"}).json["calendar"]
    make_schedule(alice, world.action_id, calendar_ids=[calendar["id"]])
    alice.post("user/keys", {"name": "mine", "scopes": ["read"]})
    alice.post("secrets", {"name": "mine", "value": "hidden from all"})
    alice.sending(idempotency_key="once").post("actions", {"name": "once"})
    with services.database.begin() as connection:
        connection.execute(text("INSERT INTO rooms VALUES (:user, 'schedules', 1, 1)"), {"user": user_id})
        connection.execute(text("INSERT INTO trials VALUES (:user, 1, now())"), {"user": user_id})
        connection.execute(text(
            "INSERT INTO dead_messages (message_id, body, trigger_ids, receives, received_at)"
            " VALUES ('m', '', ARRAY[CAST(:trigger AS bigint)], 1, now())"
        ), {"trigger": trigger_id})  # fmt: skip
    return user_id


@pytest.fixture
def bobs(bob: Client) -> UserId:
    return UserId(bob.get("auth/me").json["user"]["id"])


def fenced(services: Services) -> list[str]:
    """The tables with a fence."""
    with services.database.begin() as connection:
        return [row.name for row in connection.execute(PRIVILEGES) if row.fenced]


def counts(database: Database, tables: list[str], where: str = "") -> dict[str, int]:
    with database.begin() as connection:
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name} {where}").scalar_one() for name in tables
        }


def test_every_table_is_fenced_shared_or_closed(services: Services) -> None:
    with services.database.begin() as connection:
        found = {row.name: row for row in connection.execute(PRIVILEGES)}
    of_users = {table.name for table in metadata.sorted_tables if "user_id" in table.c} - OF_NOBODY
    assert of_users <= {name for name, row in found.items() if row.fenced}
    open_ones = {name for name, row in found.items() if row.may and not row.fenced}
    assert open_ones == SHARED | COUNTERS
    assert all(found[name].may == ["SELECT"] for name in SHARED)


def test_alice_has_rows_everywhere_and_bob_sees_none_of_them(services: Services, alices: UserId, bobs: UserId) -> None:
    tables = fenced(services)
    hers, his = (counts(services.database.of(user_id), tables) for user_id in (alices, bobs))
    assert all(hers.values()), hers
    # He has himself, his session with its token, and what is built in.
    his_own = {name for name, number in his.items() if number}
    assert his_own == {"users", "sessions", "refresh_tokens", "job_templates"}
    assert (his["users"], his["sessions"], his["refresh_tokens"]) == (1, 1, 1)
    of_others = counts(services.database.of(bobs), ["job_templates"], "WHERE user_id IS NOT NULL")
    assert of_others == {"job_templates": 0}


def test_nobody_sees_nothing_of_users(services: Services, alices: UserId) -> None:
    tables = [name for name in fenced(services) if name != "job_templates"]
    assert set(counts(services.database.of(UserId(0)), tables).values()) == {0}


def test_bob_can_neither_change_nor_delete_what_is_hers(services: Services, alices: UserId, bobs: UserId) -> None:
    tables = [name for name in fenced(services) if name != "dead_messages"]
    before = counts(services.database, tables)
    for name in tables:
        column = next(column.name for column in metadata.tables[name].columns if not column.computed)
        hers = "id" if name == "users" else "user_id" if "user_id" in metadata.tables[name].c else None
        belonging = f"WHERE {hers} = {alices}" if hers else f"WHERE session_id IN ({sessions_of(services, alices)})"
        with services.database.of(bobs).begin() as connection:
            for statement in (f"UPDATE {name} SET {column} = {column} {belonging}", f"DELETE FROM {name} {belonging}"):
                if "SET id" not in statement:  # an identity column cannot be written at all
                    assert connection.exec_driver_sql(statement).rowcount == 0, statement
    assert counts(services.database, tables) == before


def sessions_of(services: Services, user_id: UserId) -> str:
    sessions = metadata.tables["sessions"]
    with services.database.begin() as connection:
        found = connection.execute(select(sessions.c.id).where(sessions.c.user_id == user_id)).scalars()
        return ", ".join(str(session_id) for session_id in found)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO actions (user_id, name) VALUES (:alice, 'planted')",
        "INSERT INTO sessions (user_id, expires_at) VALUES (:alice, now() + interval '1 day')",
        "INSERT INTO job_templates (name, job_type) VALUES ('planted', 'http')",
        "INSERT INTO users (username, email, password_hash, plan_id) VALUES ('x', 'x', 'x', 1)",
        "UPDATE actions SET user_id = :alice",
        "UPDATE users SET id = :alice",
        "SELECT * FROM tallies",
        "SELECT * FROM creator_lease",
        "SELECT * FROM alembic_version",
        "UPDATE plans SET max_schedules = 1000000",
        "DELETE FROM heartbeats",
        "TRUNCATE triggers",
        "ALTER TABLE triggers DISABLE ROW LEVEL SECURITY",
    ],
)
def test_nothing_can_be_planted_or_opened(
    services: Services, bob: Client, alices: UserId, bobs: UserId, statement: str
) -> None:
    bob.post("actions", {"name": "his"})
    asked: dict[str, Any] = {"alice": alices} if ":alice" in statement else {}
    with pytest.raises(ProgrammingError), services.database.of(bobs).begin() as connection:
        connection.execute(text(statement), asked)


def test_the_fence_ends_with_the_transaction(services: Services, alices: UserId, bobs: UserId) -> None:
    who = text("SELECT current_user = 'cronny_caller', current_setting('cronny.caller', true)")
    with services.database.of(bobs).begin() as connection:
        assert tuple(connection.execute(who).one()) == (True, str(bobs))
        with connection.begin_nested():
            assert connection.execute(who).one()[0] is True
    with services.database.begin() as connection:
        assert connection.execute(who).one()[0] is False
    with pytest.raises(ZeroDivisionError), services.database.of(bobs).begin():
        raise ZeroDivisionError
    with services.database.begin() as connection:
        assert connection.execute(who).one()[0] is False


def test_every_route_with_a_user_works_behind_the_fence(
    alice: Client, alices: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind: list[UserId] = []
    of = Database.of

    def watched(database: Database, user_id: UserId) -> Database:
        behind.append(user_id)
        return of(database, user_id)

    monkeypatch.setattr(Database, "of", watched)
    assert alice.get("schedules").status == 200
    assert alice.sending(idempotency_key="k").post("actions", {"name": "a"}).status == 201
    assert behind == [alices, alices]
