"""The lines that `up` prints."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert

from infra.local.follow import Follower, line
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.fires import Fire
from shared.store.tables import triggers
from shared.trigger import TriggerId, TriggerStatus
from tests.world import new_logger_schedule, the_schedule

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def fire(**fields: object) -> Fire:
    values = {
        "id": TriggerId(1),
        "schedule": "often",
        "timezone": "Europe/Berlin",
        "due_at": NOON,
        "status": TriggerStatus.COMPLETED,
        "reason": None,
        "attempt": 1,
        "started_at": NOON + timedelta(milliseconds=40),
        "finished_at": NOON + timedelta(seconds=1),
    } | fields
    return Fire(**values)  # type: ignore[arg-type]


def end(services: Services, schedule_id: ScheduleId, due: datetime, finished: datetime) -> None:
    schedule = the_schedule(services, schedule_id)
    row = {
        "user_id": schedule.user_id,
        "schedule_version": schedule.version,
        "schedule_id": schedule_id,
        "due_at": due,
        "next_attempt_at": due,
        "status": "completed",
        "attempt": 1,
        "started_at": finished,
        "finished_at": finished,
    }
    with services.database.begin() as connection:
        connection.execute(insert(triggers).values(**row))


def test_a_line_says_when_how_late_how_and_which() -> None:
    text = line(fire())
    assert [part.strip() for part in text.split("  ") if part] == [
        NOON.astimezone().strftime("%H:%M:%S"),
        "+0.04 s",
        "completed",
        "often",
    ]


def test_a_failure_names_its_reason_and_its_attempt() -> None:
    text = line(fire(status=TriggerStatus.FAILED, reason="the target said 500", attempt=3))
    assert text.endswith("failed     often  (attempt 3)  - the target said 500")


def test_what_was_skipped_has_no_lateness() -> None:
    text = line(fire(status=TriggerStatus.SKIPPED, started_at=None, reason="missed"))
    assert " s " not in text
    assert text.endswith("skipped    often  - missed")


def test_each_fire_is_printed_once_also_when_it_becomes_visible_late(services: Services) -> None:
    schedule_id, now = new_logger_schedule(services), services.clock.now()
    follower = Follower(now - timedelta(seconds=60))
    end(services, schedule_id, now, now)
    assert len(follower.lines(services.database)) == 1
    end(services, schedule_id, now - timedelta(seconds=10), now - timedelta(seconds=5))
    assert len(follower.lines(services.database)) == 1
    assert follower.lines(services.database) == []


def test_what_ended_before_the_start_is_not_printed(services: Services) -> None:
    schedule_id, now = new_logger_schedule(services), services.clock.now()
    end(services, schedule_id, now, now)
    assert Follower(now + timedelta(seconds=1)).lines(services.database) == []


def test_a_virtual_line_has_the_date_and_the_offset_of_its_schedules_zone_and_is_late_by_real_time() -> None:
    due = datetime(2027, 3, 28, 1, tzinfo=UTC)
    text = line(fire(due_at=due, started_at=due + timedelta(seconds=30), schedule="30 2 * * *"), speed=600)
    assert text == "2027-03-28 03:00:00+02:00    +0.05 s  completed  30 2 * * *"


def test_in_fast_time_what_becomes_visible_late_is_still_printed_once(services: Services) -> None:
    schedule_id, now = new_logger_schedule(services), services.clock.now()
    follower = Follower(now - timedelta(hours=10), speed=600)
    end(services, schedule_id, now, now)
    assert len(follower.lines(services.database)) == 1
    end(services, schedule_id, now - timedelta(hours=2), now - timedelta(hours=2))
    assert [line.split()[0] for line in follower.lines(services.database)] == [f"{now - timedelta(hours=2):%Y-%m-%d}"]
    assert follower.lines(services.database) == []
