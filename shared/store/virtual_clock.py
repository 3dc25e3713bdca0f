"""SQL of the virtual clock: one row says which instant counts as now, and how fast time goes. No row: it is now.

Every process reads the same row by the same clock, the database's, so they agree without talking to each other.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, true, update

from shared.clock import Reading
from shared.store.arrays import INSTANT
from shared.store.engine import Database
from shared.store.tables import virtual_clock

MIN_SPEED, MAX_SPEED = 1, 3600

# The same instant wherever a statement names it, unlike clock_timestamp().
_real = func.statement_timestamp()
_shown = virtual_clock.c.virtual_at + (_real - virtual_clock.c.real_at) * virtual_clock.c.speed
_anyway = select(literal(1)).subquery("anyway")
READ = select(_real, func.coalesce(_shown, _real), func.coalesce(virtual_clock.c.speed, 1)).select_from(
    _anyway.outerjoin(virtual_clock, true())
)
FORGET = delete(virtual_clock)
SET = insert(virtual_clock).values(id=1, real_at=_real, virtual_at=bindparam("at", type_=INSTANT), speed=MIN_SPEED)
# From the instant that it shows, so that time never goes back.
GO_ON = (
    update(virtual_clock)
    .values(real_at=_real, virtual_at=_shown, speed=bindparam("faster"))
    .returning(virtual_clock.c.virtual_at)
)


def read(database: Database) -> Reading:
    """What time it is, and what time it counts as."""
    with database.begin() as connection:
        real, shown, speed = connection.execute(READ).one()
    return Reading(real, shown, float(speed))


def start(connection: Connection, at: datetime) -> None:
    """From now on it is ``at``, and time goes at its usual speed."""
    connection.execute(FORGET)
    connection.execute(SET, {"at": at})


def go_on(connection: Connection, speed: int) -> datetime:
    """Let a virtual clock go this many times as fast from here on; answers what it shows."""
    shown: datetime = connection.execute(GO_ON, {"faster": speed}).scalar_one()
    return shown


def stop(connection: Connection) -> None:
    """Back to the real time."""
    connection.execute(FORGET)
