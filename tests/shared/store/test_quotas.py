"""Counting what a user has: by index, and no further than is asked for."""

import pytest
from sqlalchemy import Connection

from shared.quotas import Kept
from shared.services import Services
from shared.store import quotas
from tests.shared.store.test_hot_statements import plan_of
from tests.world import PRO, give_plan, new_action, new_user


@pytest.mark.parametrize("kept", Kept)
def test_counting_reads_no_table_from_end_to_end(connection: Connection, kept: Kept) -> None:
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    plan = plan_of(connection, quotas.COUNTS[kept], {"user": 1, "limit": 5})
    assert "Seq Scan" not in plan, plan


def test_only_a_users_own_are_counted_and_no_more_than_asked(services: Services) -> None:
    ada, eve = new_user(services), new_user(services, "eve")
    for name in "abc":
        new_action(services, ada, name)
    with services.database.begin() as connection:
        assert quotas.count(connection, ada, Kept.ACTIONS, 10) == 3
        assert quotas.count(connection, ada, Kept.ACTIONS, 2) == 2
        assert quotas.count(connection, eve, Kept.ACTIONS, 10) == 0
        assert quotas.count(connection, ada, Kept.PRESETS, 10) == 0


def test_the_plan_is_the_users(services: Services) -> None:
    ada = new_user(services)
    give_plan(services, ada, PRO)
    with services.database.begin() as connection:
        plan = quotas.find_plan(connection, ada)
    assert plan is not None
    assert plan.name == "pro"
