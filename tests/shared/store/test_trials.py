"""Slots for tests of jobs: three for each user, however many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from shared.services import Services
from shared.store import trials
from shared.store.engine import Database
from shared.store.trials import SLOTS, Slot
from tests.world import new_user


def test_of_many_who_ask_at_once_three_get_a_slot(services: Services, database: Database) -> None:
    user_id, now = new_user(services), services.clock.now()

    def take(_number: int) -> Slot | None:
        with database.begin() as connection:
            return trials.take(connection, user_id, now, now + timedelta(seconds=10))

    with ThreadPoolExecutor(8) as threads:
        taken = [slot for slot in threads.map(take, range(8)) if slot]
    assert sorted(slot.number for slot in taken) == list(SLOTS)


def test_a_slot_that_another_one_has_by_now_is_not_given_away(services: Services) -> None:
    user_id, now = new_user(services), services.clock.now()
    later = now + timedelta(seconds=20)
    with services.database.begin() as connection:
        slow = trials.take(connection, user_id, now, now + timedelta(seconds=10))
        assert slow is not None
        for _ in SLOTS:
            assert trials.take(connection, user_id, later, later + timedelta(seconds=10))
        trials.give_back(connection, slow, later)
        assert trials.take(connection, user_id, later, later + timedelta(seconds=10)) is None
        assert trials.free_at(connection, user_id, later) == later + timedelta(seconds=10)
