"""SQL for what follows the end of a run: the next trigger of a relative schedule."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, any_, select

from shared import timetable
from shared.schedule import ScheduleId
from shared.store import calendars, planning
from shared.store.arrays import ids
from shared.store.planning import Occurrence
from shared.store.tables import schedules
from shared.store.timings import COLUMNS, timing

LOCK = (
    select(schedules.c.id, schedules.c.max_runs, schedules.c.runs, *COLUMNS)
    .where(
        schedules.c.id == any_(ids("ids")),
        schedules.c.schedule_type == "relative",
        schedules.c.schedule_status == "processing",
    )
    .order_by(schedules.c.id)
    .with_for_update(key_share=True)
)


def plan_after(connection: Connection, schedule_ids: Sequence[ScheduleId], ended: datetime) -> None:
    """Plan the next trigger of each relative schedule whose run ended at ``ended``.

    A schedule that was paused or edited meanwhile is not ``processing`` and is left to ``plan``.
    """
    if not schedule_ids:
        return
    unfinished = planning.with_unfinished(connection, schedule_ids)
    occurrences, exhausted = [], []
    locked = connection.execute(LOCK, {"ids": list(schedule_ids)}).all()
    closed = calendars.of_schedules(connection, [row.id for row in locked])
    for row in locked:
        due = timetable.relative_due(timing(row, closed.get(row.id, ())), ended)
        if due is None or (row.max_runs is not None and row.runs >= row.max_runs):
            exhausted.append(row.id)
        elif row.id not in unfinished:
            occurrences.append(Occurrence(row.id, due))
    planning.put(connection, occurrences)
    planning.mark_processing(connection, exhausted, exhausted=True)
