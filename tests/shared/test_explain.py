"""What is said about an instant, as a table: what is known of it, the word for machines, the sentence for people."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.action import ActionId
from shared.explain import Explained, Facts, Occurrence, explain, span
from shared.schedule import Schedule, ScheduleId, ScheduleStatus, ScheduleType, ScheduleUnit, Timing
from shared.trigger import Hold, TriggerId, TriggerKind, TriggerStatus
from shared.user import UserId

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)
CREATED = datetime(2027, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
NINE = "2027-03-01 10:00:00 Europe/Berlin"
PAST, FUTURE = AT + timedelta(hours=2), AT - timedelta(hours=2)


def schedule(status: str = "processing", kind: str = "recurring", **fields: Any) -> Schedule:
    unit = ScheduleUnit.HOUR if kind == "relative" else ScheduleUnit.CRON
    timing = Timing(ScheduleType(kind), "0 10 * * *", unit, "Europe/Berlin", CREATED)
    known: dict[str, Any] = {
        "id": ScheduleId(1),
        "user_id": UserId(1),
        "action_id": ActionId(1),
        "name": "mornings",
        "description": None,
        "schedule_status": ScheduleStatus(status),
        "status_note": None,
        "timing": timing,
        "max_runs": None,
        "runs": 0,
        "input": {},
        "version": 1,
        "created_at": CREATED,
        "updated_at": CREATED,
        "next_run_at": AT + DAY,
    }
    return Schedule(**known | fields)


def occurrence(status: str, kind: str = "planned", **fields: Any) -> Occurrence:
    started = AT + 0.4 * SECOND if status in ("executing", "completed", "failed") else None
    finished = AT + 125.4 * SECOND if status in ("completed", "failed") else None
    known: dict[str, Any] = {"reason": None, "attempt": 1 if started else 0, "due_at": AT}
    known |= {"trigger_id": TriggerId(7), "started_at": started, "finished_at": finished} | fields
    return Occurrence(kind=TriggerKind(kind), status=TriggerStatus(status), **known)


def facts(now: datetime = PAST, **fields: Any) -> Facts:
    known: dict[str, Any] = {"at": AT, "schedule": schedule(), "active_since": CREATED} | fields
    return Facts(now=now, **known)


TABLE = [
    (
        facts(occurrence=occurrence("completed")),
        "completed",
        f"It ran: due at {NINE}, started 0.4 s later, completed after 2 min 5 s.",
    ),
    (
        facts(occurrence=occurrence("completed", "manual", attempt=2)),
        "completed",
        f"It ran: asked for by hand at {NINE}, started 0.4 s later (attempt 2), completed after 2 min 5 s.",
    ),
    (
        facts(occurrence=occurrence("failed", "backfill", reason="job say failed: status 500.")),
        "failed",
        f"It ran and failed: due at {NINE}, backfilled, started 0.4 s later, failed after 2 min 5 s:"
        " job say failed: status 500.",
    ),
    (
        facts(occurrence=occurrence("executing")),
        "executing",
        f"It is running now: due at {NINE}, started 0.4 s later.",
    ),
    (
        facts(occurrence=occurrence("queued")),
        "queued",
        f"It was due at {NINE} and waits in the queue for an executor.",
    ),
    (
        facts(occurrence=occurrence("scheduled", attempt=1, reason="The executor was lost.")),
        "retrying",
        f"It was due at {NINE} and is tried again: The executor was lost.",
    ),
    (
        facts(occurrence=occurrence("scheduled", hold=Hold.OVERLAP, reason="It waits until the run of X has ended.")),
        "held",
        f"It was due at {NINE}, but did not start yet. It waits until the run of X has ended.",
    ),
    (
        facts(occurrence=occurrence("cancelled", reason="the run of X took its place", started_at=AT + SECOND)),
        "cancelled",
        f"It was stopped: due at {NINE}, started 1.0 s later, but the run of X took its place.",
    ),
    (facts(occurrence=occurrence("scheduled")), "due", f"It is due at {NINE} and is about to be queued."),
    (
        facts(occurrence=occurrence("scheduled", "backfill")),
        "due",
        f"It was due at {NINE}, backfilled and waits in line.",
    ),
    (facts(FUTURE, occurrence=occurrence("scheduled")), "will_run", f"It will run at {NINE}, in 2 h."),
    (
        facts(occurrence=occurrence("skipped", reason="Missed: Cronny was not running.")),
        "skipped",
        f"It did not run: due at {NINE}, but it was skipped. Missed: Cronny was not running.",
    ),
    (
        facts(occurrence=occurrence("cancelled", reason="the schedule was paused")),
        "cancelled",
        f"It did not run: due at {NINE}, but the schedule was paused.",
    ),
    (facts(FUTURE, due=True), "will_run", f"It will run at {NINE}, in 2 h."),
    (
        facts(FUTURE, due=True, schedule=schedule("inactive")),
        "paused",
        f"It would be due at {NINE}, but will not run: the schedule is paused.",
    ),
    (
        facts(FUTURE, due=True, schedule=schedule("inactive", status_note="Switched off: no such zone.")),
        "paused",
        f"It would be due at {NINE}, but will not run: Switched off: no such zone.",
    ),
    (
        facts(FUTURE, due=True, within_runs=False, schedule=schedule(max_runs=3)),
        "over",
        f"It will not run at {NINE}: its runs are used up.",
    ),
    (
        facts(FUTURE, due=True, schedule=schedule("processed")),
        "over",
        f"It will not run at {NINE}: nothing is left of its timetable.",
    ),
    (
        facts(due=True, active_since=AT + DAY / 24),
        "not_active",
        f"It did not run at {NINE}: the schedule was paused then or defined otherwise; it is as it is since"
        " 2027-03-01 11:00:00 Europe/Berlin.",
    ),
    (
        facts(due=True, schedule=schedule("inactive")),
        "paused",
        f"It did not run at {NINE}: the schedule is paused.",
    ),
    (
        facts(due=True, schedule=schedule("processed", next_run_at=None, max_runs=1)),
        "over",
        f"It did not run at {NINE}: its runs are used up.",
    ),
    (
        facts(due=True, schedule=schedule("pending", next_run_at=None)),
        "due",
        f"It is due since {NINE} and is about to be queued.",
    ),
    (facts(due=True), "forgotten", f"It was due at {NINE}; what became of it is not kept any more."),
    (
        facts(before=AT - DAY, after=AT + DAY),
        "not_due",
        f"Nothing was due at {NINE}; the one before was due at 2027-02-28 10:00:00 Europe/Berlin, the next one is due"
        " at 2027-03-02 10:00:00 Europe/Berlin.",
    ),
    (
        facts(FUTURE, after=AT + DAY, schedule=schedule("inactive")),
        "not_due",
        f"Nothing is due at {NINE}; the next one is due at 2027-03-02 10:00:00 Europe/Berlin, but the schedule is"
        " paused.",
    ),
    (
        facts(schedule=schedule(kind="relative")),
        "not_due",
        f"Nothing was due at {NINE}, because each run comes a fixed time after the end of the one before; nor at any"
        " other time.",
    ),
    (
        facts(schedule=schedule(created_at=AT + SECOND)),
        "before_creation",
        f"There was no such schedule at {NINE}: it is of 2027-03-01 10:00:01 Europe/Berlin.",
    ),
    (
        facts(due=True, schedule=schedule(created_at=AT + SECOND), active_since=AT + SECOND),
        "before_creation",
        f"There was no such schedule at {NINE}: it is of 2027-03-01 10:00:01 Europe/Berlin.",
    ),
]


@pytest.mark.parametrize(("known", "outcome", "sentence"), TABLE, ids=[f"{row[1]}-{n}" for n, row in enumerate(TABLE)])
def test_what_is_known_becomes_one_sentence(known: Facts, outcome: str, sentence: str) -> None:
    told = explain(known)
    assert (told.outcome, told.sentence) == (outcome, sentence)
    assert told.trigger_id == (7 if known.occurrence else None)


def test_the_table_has_every_outcome() -> None:
    assert {row[1] for row in TABLE} == set(Explained)


def test_the_ledger_knows_no_trigger() -> None:
    assert explain(facts(occurrence=occurrence("completed", trigger_id=None))).trigger_id is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
        (86_400 * 400, "400 d"),
    ],
)
def test_spans_read_like_spoken_ones(seconds: float, text: str) -> None:
    assert span(timedelta(seconds=seconds)) == text
