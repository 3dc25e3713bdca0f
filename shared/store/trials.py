"""SQL of who is trying out a job right now: a few slots for each user."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.store.arrays import INSTANT
from shared.store.tables import trials
from shared.user import UserId

SLOTS = (1, 2, 3)

_now, _until = bindparam("now", type_=INSTANT), bindparam("to_until", type_=INSTANT)
_new = insert(trials).values(user_id=bindparam("user"), slot=bindparam("of_slot"), until=_until)
TAKE = _new.on_conflict_do_update(
    index_elements=["user_id", "slot"], set_={"until": _new.excluded.until}, where=trials.c.until <= _now
).returning(trials.c.slot)
# Whoever took so long that another one has the slot by now must not give it away.
GIVE_BACK = (
    update(trials)
    .where(
        trials.c.user_id == bindparam("user"),
        trials.c.slot == bindparam("of_slot"),
        trials.c.until == bindparam("taken_until", type_=INSTANT),
    )
    .values(until=_until)
)
FREE_AT = select(func.min(trials.c.until)).where(trials.c.user_id == bindparam("user"), trials.c.until > _now)


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to run one test, until that instant."""

    user_id: UserId
    number: int
    until: datetime


def take(connection: Connection, user_id: UserId, now: datetime, until: datetime) -> Slot | None:
    """One of the user's slots; None when all are taken."""
    for number in SLOTS:
        row = {"user": user_id, "of_slot": number, "now": now, "to_until": until}
        if connection.execute(TAKE, row).one_or_none():
            return Slot(user_id, number, until)
    return None


def give_back(connection: Connection, slot: Slot, at: datetime) -> None:
    """Let others have the slot from that instant on."""
    row = {"user": slot.user_id, "of_slot": slot.number, "taken_until": slot.until, "to_until": at}
    connection.execute(GIVE_BACK, row)


def free_at(connection: Connection, user_id: UserId, now: datetime) -> datetime | None:
    """When the next slot is free at the latest; None when one is."""
    return connection.execute(FREE_AT, {"user": user_id, "now": now}).scalar_one_or_none()
