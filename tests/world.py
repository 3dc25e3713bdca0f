"""Rows that tests start from, written as the API would write them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import func, insert, select, update

from shared.action import ActionId
from shared.calendars import CalendarId
from shared.job import JobId
from shared.schedule import ScheduleId
from shared.services import Services
from shared.store.tables import (
    actions,
    breakers,
    calendars,
    job_executions,
    job_templates,
    jobs,
    schedules,
    triggers,
    users,
)
from shared.user import UserId

STARTER, PRO, ENTERPRISE = 1, 2, 3


def new_user(services: Services, name: str = "ada", plan_id: int = STARTER) -> UserId:
    """A user of the starter plan unless said otherwise."""
    row = {"username": name, "email": f"{name}@example.org", "password_hash": "-", "plan_id": plan_id}
    return UserId(_insert(services, users, row))


def give_plan(services: Services, user_id: UserId, plan_id: int) -> None:
    """Move a user to another plan."""
    with services.database.begin() as connection:
        connection.execute(update(users).where(users.c.id == user_id).values(plan_id=plan_id))


def new_action(services: Services, user_id: UserId, name: str = "greet") -> ActionId:
    """An action without jobs."""
    return ActionId(_insert(services, actions, {"user_id": user_id, "name": name}))


def new_job(services: Services, user_id: UserId, action_id: ActionId, **fields: Any) -> JobId:
    """A job of a built-in type; a logger at the root of the action unless said otherwise."""
    row = {
        "name": "say",
        "job_type": "logger",
        "job_input_type": "static_input",
        "job_input_value": {"message": "hello"},
        "is_root_job": True,
        "job_timeout_in_secs": 5,
    } | fields
    with services.database.begin() as connection:
        template = select(job_templates.c.id).where(job_templates.c.name == row["job_type"])
        row |= {"job_template_id": connection.execute(template).scalar_one(), "job_template_owner_id": 0}
    return JobId(_insert(services, jobs, {"user_id": user_id, "action_id": action_id} | row))


def set_job(services: Services, job_id: int, **fields: Any) -> None:
    """Overwrite columns of a job."""
    with services.database.begin() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**fields))


def new_schedule(services: Services, user_id: UserId, action_id: ActionId, **fields: Any) -> ScheduleId:
    """A pending schedule, every 10 seconds from the clock's whole second unless said otherwise."""
    now = services.clock.now()
    row = {
        "name": "often",
        "schedule_type": "recurring",
        "schedule_value": "10",
        "schedule_unit": "second",
        "anchor": now.replace(microsecond=0),
        "active_since": now,
    } | fields
    return ScheduleId(_insert(services, schedules, {"user_id": user_id, "action_id": action_id} | row))


def new_logger_schedule(services: Services, **fields: Any) -> ScheduleId:
    """User, action, one logger job and a pending schedule."""
    user_id = new_user(services, f"user-{uuid4().hex}")
    action_id = new_action(services, user_id)
    new_job(services, user_id, action_id)
    return new_schedule(services, user_id, action_id, **fields)


def set_schedule(services: Services, schedule_id: ScheduleId, **fields: Any) -> None:
    """Overwrite columns of a schedule."""
    with services.database.begin() as connection:
        connection.execute(update(schedules).where(schedules.c.id == schedule_id).values(**fields))


def set_trigger(services: Services, trigger_id: int, **fields: Any) -> None:
    """Overwrite columns of a trigger."""
    with services.database.begin() as connection:
        connection.execute(update(triggers).where(triggers.c.id == trigger_id).values(**fields))


def complete_all(services: Services) -> int:
    """Whatever is queued or executing completes; answers how many."""
    ended = {"status": "completed", "attempt": 1, "lease_until": None}
    instants = {"started_at": triggers.c.queued_at, "finished_at": triggers.c.queued_at}
    on_the_way = triggers.c.status.in_(["queued", "executing"])
    with services.database.begin() as connection:
        return connection.execute(update(triggers).where(on_the_way).values(**ended, **instants)).rowcount


def the_schedule(services: Services, schedule_id: ScheduleId) -> Any:
    """A schedule's row."""
    with services.database.begin() as connection:
        return connection.execute(select(schedules).where(schedules.c.id == schedule_id)).one()


def the_triggers(services: Services, schedule_id: ScheduleId) -> list[Any]:
    """A schedule's triggers by due time."""
    with services.database.begin() as connection:
        mine = select(triggers).where(triggers.c.schedule_id == schedule_id).order_by(triggers.c.due_at)
        return list(connection.execute(mine))


def the_executions(services: Services, trigger_id: int | None = None) -> list[Any]:
    """Job executions in the order they were written, of one trigger or of all."""
    query = select(job_executions).order_by(job_executions.c.id)
    with services.database.begin() as connection:
        rows = connection.execute(query).all()
    return [row for row in rows if trigger_id in (None, row.trigger_id)]


def count(services: Services, table: Any, **where: Any) -> int:
    """How many rows have these values."""
    query = select(func.count()).select_from(table).where(*(table.c[key] == value for key, value in where.items()))
    with services.database.begin() as connection:
        return int(connection.execute(query).scalar_one())


def due_times(services: Services, schedule_id: ScheduleId) -> list[datetime]:
    """When a schedule's triggers are due, in order."""
    return [row.due_at for row in the_triggers(services, schedule_id)]


def new_breaker(services: Services, user_id: UserId, host: str, **fields: Any) -> None:
    """A breaker that is open, and to be tried in 30 seconds, unless said otherwise."""
    now = services.clock.now()
    row = {
        "state": "open",
        "failures": 5,
        "last_error": "the connection was refused",
        "opens": 1,
        "opened_at": now,
        "probe_at": now + timedelta(seconds=30),
        "updated_at": now,
    } | fields
    with services.database.begin() as connection:
        connection.execute(insert(breakers).values(user_id=user_id, host=host, **row))


def new_feed(services: Services, user_id: UserId, url: str, text: str = "", **fields: Any) -> CalendarId:
    """A calendar whose URL said this a day ago, and is to be asked again by now."""
    now = services.clock.real_now()
    row = {
        "name": "feed",
        "definition": {"icalendar_url": url},
        "feed": text or "BEGIN:VCALENDAR\nEND:VCALENDAR",
        "fetched_at": now - timedelta(days=1),
        "fetch_at": now,
    } | fields
    return CalendarId(_insert(services, calendars, {"user_id": user_id, **row}))


def the_calendar(services: Services, calendar_id: int) -> Any:
    """A calendar's row."""
    with services.database.begin() as connection:
        return connection.execute(select(calendars).where(calendars.c.id == calendar_id)).one()


def the_breaker(services: Services, user_id: UserId, host: str) -> Any:
    """A breaker's row, or None."""
    with services.database.begin() as connection:
        mine = select(breakers).where(breakers.c.user_id == user_id, breakers.c.host == host)
        return connection.execute(mine).one_or_none()


def new_held(
    services: Services, user_id: UserId, host: str, count: int = 1, action: ActionId | None = None
) -> list[int]:
    """Triggers that wait for a host, each of a schedule of its own, in due order: the last is due a second ago."""
    now, action = services.clock.now(), action or new_action(services, user_id, f"waits {uuid4().hex}")
    held = {"status": "scheduled", "attempt": 1, "hold": "breaker", "held_for": host, "reason": "Waiting"}
    ids = []
    for position in range(count):
        schedule = new_schedule(services, user_id, action, schedule_type="absolute", schedule_status="processing")
        set_schedule(services, schedule, exhausted=True)
        times = {"due_at": now - timedelta(seconds=count - position), "next_attempt_at": now + timedelta(minutes=5)}
        row = {"user_id": user_id, "schedule_id": schedule, "action_id": action, "schedule_version": 1, **held, **times}
        ids.append(_insert(services, triggers, row))
    return ids


def the_trigger(services: Services, trigger_id: int) -> Any:
    """A trigger's row."""
    with services.database.begin() as connection:
        return connection.execute(select(triggers).where(triggers.c.id == trigger_id)).one()


def _insert(services: Services, table: Any, row: dict[str, Any]) -> int:
    with services.database.begin() as connection:
        return int(connection.execute(insert(table).values(**row).returning(table.c.id)).scalar_one())
