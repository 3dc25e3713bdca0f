"""SQL that takes due triggers off the timetable and hands them to the queue."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Connection, any_, bindparam, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.schedule import ScheduleId
from shared.store import sharing, tallying
from shared.store.arrays import BIGINT, INSTANT, TEXT, bound, ids, rows
from shared.store.holds import NOT_HELD
from shared.store.sharing import HOST, ROOT, root_of
from shared.store.tables import schedules, triggers, users
from shared.store.timings import COLUMNS
from shared.trigger import TriggerId, TriggerStatus

# A queued trigger that nobody has claimed by then is sent again; the wait doubles with each sending, up to a limit.
# These are real times: ``speed`` (of the clock) turns them into times by the clock.
RESEND_AFTER = timedelta(seconds=20)
LONGEST_WAIT = timedelta(minutes=10)
# When the queue itself is away it is the queue that is asked again, not the trigger that is slow.
QUEUE_AWAY_RETRY = timedelta(seconds=5)
SECOND: Any = literal_column("interval '1 second'")

# All rows are locked, and rows that somebody holds are left for the next tick: an edit or a pause that holds the
# schedule is never overtaken, and one that comes later finds the next trigger, too; the user's share is given out by
# one creator at a time. The user comes first: whoever finds him held has locked nothing else in vain.
DUE = (
    select(
        triggers.c.id,
        triggers.c.user_id,
        triggers.c.schedule_id,
        triggers.c.due_at,
        triggers.c.kind,
        triggers.c.attempt,
        triggers.c.alone,
        triggers.c.priority,
        triggers.c.hold,
        triggers.c.next_attempt_at,
        schedules.c.max_runs,
        schedules.c.runs,
        schedules.c.overlap,
        schedules.c.catch_up,
        schedules.c.catch_up_window_seconds,
        schedules.c.caught_up,
        HOST.label("host"),
        *COLUMNS,
    )
    .join(schedules, schedules.c.id == triggers.c.schedule_id)
    .join(users, users.c.id == triggers.c.user_id)
    .outerjoin(ROOT, root_of(triggers.c.action_id))
    .where(
        triggers.c.status == "scheduled",
        or_(triggers.c.hold.is_(None), triggers.c.hold != literal_column("'limit'")),
        triggers.c.next_attempt_at <= bindparam("now"),
        (triggers.c.user_id == any_(ids("waiting"))) == bindparam("theirs", type_=Boolean()),
    )
    .order_by(triggers.c.next_attempt_at)
    .limit(bindparam("limit"))
    .with_for_update(of=[users, triggers, schedules], skip_locked=True, key_share=True)
)

_queued = rows("queued", id=BIGINT, pack=BIGINT)
QUEUE = (
    update(triggers)
    .where(triggers.c.id == _queued.c.id)
    .values(
        status=TriggerStatus.QUEUED.value,
        pack=_queued.c.pack,
        **NOT_HELD,
        queued_at=bindparam("now", type_=INSTANT),
        resend_at=bindparam("resend", type_=INSTANT),
        sends=1,
    )
)

_skipped = rows("skipped", id=BIGINT, reason=TEXT)
_skip = (
    update(triggers)
    .where(triggers.c.id == _skipped.c.id)
    .values(
        status=TriggerStatus.SKIPPED.value,
        **NOT_HELD,
        reason=_skipped.c.reason,
        finished_at=bindparam("now", type_=INSTANT),
    )
    .returning(triggers.c.status)
)
SKIP = tallying.ending(_skip)

_missed = rows("missed", schedule_id=BIGINT, due_at=INSTANT, reason=TEXT)
_record_missed = (
    insert(triggers)
    .from_select(
        [
            "user_id",
            "schedule_id",
            "action_id",
            "schedule_version",
            "due_at",
            "next_attempt_at",
            "status",
            "reason",
            "finished_at",
        ],
        select(
            schedules.c.user_id,
            schedules.c.id,
            schedules.c.action_id,
            schedules.c.version,
            _missed.c.due_at,
            _missed.c.due_at,
            bindparam("status", type_=TEXT),
            _missed.c.reason,
            bindparam("now", type_=INSTANT),
        ).select_from(_missed.join(schedules, schedules.c.id == _missed.c.schedule_id)),
    )
    .on_conflict_do_nothing(index_elements=["schedule_id", "due_at"])
    .returning(triggers.c.status)
)
RECORD_MISSED = tallying.ending(_record_missed)

COUNT_RUNS = update(schedules).where(schedules.c.id == any_(ids("ids"))).values(runs=schedules.c.runs + 1)

_late_runs = rows("late", schedule_id=BIGINT, runs=BIGINT)
COUNT_LATE_RUNS = (
    update(schedules).where(schedules.c.id == _late_runs.c.schedule_id).values(caught_up=_late_runs.c.runs)
)

POSTPONE = (
    update(triggers)
    .where(triggers.c.id == any_(ids("ids")), triggers.c.status == "queued")
    .values(resend_at=bindparam("resend", type_=INSTANT), sends=func.greatest(triggers.c.sends - 1, 0))
)

UNCLAIMED = (
    update(triggers)
    .where(
        triggers.c.id
        == any_(
            func.array(
                select(triggers.c.id)
                .where(triggers.c.status == "queued", triggers.c.resend_at <= bindparam("now", type_=INSTANT))
                .order_by(triggers.c.resend_at)
                .limit(bindparam("limit"))
                .with_for_update(skip_locked=True, key_share=True)
                .scalar_subquery()
            )
        )
    )
    .values(
        sends=func.least(triggers.c.sends + 1, 100),
        resend_at=bindparam("now", type_=INSTANT)
        + SECOND
        * func.least(
            bindparam("wait", type_=BIGINT) * func.power(2, func.least(triggers.c.sends, 5)),
            bindparam("longest", type_=BIGINT),
        ),
    )
    .returning(triggers.c.id, triggers.c.pack)
)


def lock_due(connection: Connection, now: datetime, limit: int) -> list[Any]:
    """Due triggers with the definition of their schedules, oldest first, locked with their users and schedules.

    Users of whom some wait for a share already come after all others: most of theirs would only join the line.
    """
    waiting = sharing.waiting_users(connection, limit)
    due = list(connection.execute(DUE, {"now": now, "limit": limit, "waiting": waiting, "theirs": False}))
    if waiting and len(due) < limit:
        left = limit - len(due)
        due += connection.execute(DUE, {"now": now, "limit": left, "waiting": waiting, "theirs": True})
    return due


def mark_queued(
    connection: Connection, sent: Sequence[tuple[TriggerId, TriggerId]], now: datetime, speed: float
) -> None:
    """These triggers are about to be sent: (trigger, the smallest id in its message)."""
    if sent:
        connection.execute(QUEUE, bound(_queued, sent) | {"now": now, "resend": now + RESEND_AFTER * speed})


def mark_skipped(connection: Connection, skipped: Sequence[tuple[TriggerId, str]], now: datetime) -> None:
    """These occurrences will not run; the reason of each is what its owner reads."""
    if skipped:
        connection.execute(SKIP, bound(_skipped, skipped) | {"now": now})


def record_missed(connection: Connection, missed: Sequence[tuple[ScheduleId, datetime, str]], now: datetime) -> None:
    """Write down occurrences that were never planned because their time had passed: (schedule, due time, reason)."""
    if missed:
        connection.execute(RECORD_MISSED, bound(_missed, missed) | {"now": now, "status": TriggerStatus.SKIPPED.value})


def count_runs(connection: Connection, schedule_ids: Sequence[ScheduleId]) -> None:
    """One more run of each of these schedules."""
    if schedule_ids:
        connection.execute(COUNT_RUNS, {"ids": list(schedule_ids)})


def count_late_runs(connection: Connection, late_runs: Sequence[tuple[ScheduleId, int]]) -> None:
    """So many late runs of each schedule since its last one on time."""
    if late_runs:
        connection.execute(COUNT_LATE_RUNS, bound(_late_runs, late_runs))


def postpone(connection: Connection, trigger_ids: Sequence[TriggerId], now: datetime, speed: float) -> None:
    """The queue did not take these: offer them again soon, and do not count this sending."""
    connection.execute(POSTPONE, {"ids": list(trigger_ids), "resend": now + QUEUE_AWAY_RETRY * speed})


def take_unclaimed(connection: Connection, now: datetime, limit: int, speed: float) -> Sequence[Any]:
    """Queued triggers whose message seems lost, with their next sending put off: (id, pack)."""
    waits = {"wait": round(RESEND_AFTER.seconds * speed), "longest": round(LONGEST_WAIT.seconds * speed)}
    return connection.execute(UNCLAIMED, {"now": now, "limit": limit, **waits}).all()
