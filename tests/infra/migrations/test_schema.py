"""What the migrations make is what shared/store/tables says, and making it again changes nothing."""

from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from infra.migrations.run import upgrade
from shared.runners.registry import BUILT_IN
from shared.settings import Settings
from shared.store.engine import Database
from shared.store.seed import PLANS
from shared.store.tables import metadata


def test_the_migrated_database_and_the_tables_agree(connection: Connection) -> None:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
    )
    assert compare_metadata(context, metadata) == []


def test_check_constraints_and_partial_indexes_agree(connection: Connection, settings: Settings) -> None:
    """Alembic compares neither checks nor index predicates: so make the tables once more and compare the catalogue."""
    migrated = set(_definitions(connection))
    connection.exec_driver_sql("CREATE SCHEMA copy")
    connection.exec_driver_sql("SET LOCAL search_path TO copy")
    metadata.create_all(connection)
    assert set(_definitions(connection)) == migrated


def test_migrating_again_changes_nothing(database: Database) -> None:
    def seeded() -> list[Any]:
        with database.begin() as connection:
            templates = connection.execute(text("SELECT id, name, job_type FROM job_templates ORDER BY name")).all()
            return [*templates, *connection.execute(text("SELECT id, name FROM plans ORDER BY id")).all()]

    before = seeded()
    assert {row.name for row in before} == {*BUILT_IN, *(plan["name"] for plan in PLANS)}
    assert upgrade(database) == upgrade(database) == "0012"
    assert seeded() == before


def _definitions(connection: Connection) -> Iterator[str]:
    yield from connection.execute(
        text(
            "SELECT conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = current_schema()::regnamespace AND conrelid::regclass::text <> 'alembic_version'"
        )
    ).scalars()
    for index in connection.execute(
        text("SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'alembic_version'")
    ).scalars():
        yield index.replace(" ON copy.", " ON ").replace(" ON public.", " ON ")
