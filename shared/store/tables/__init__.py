"""Every table. infra/migrations makes them; a test compares a migrated database with this package."""

from shared.store.tables.accounts import plans, rooms, users
from shared.store.tables.answers import kept_answers
from shared.store.tables.calendars import calendars, schedule_calendars
from shared.store.tables.columns import metadata
from shared.store.tables.history import job_executions, ledger
from shared.store.tables.identity import api_keys, login_failures, refresh_tokens, sessions
from shared.store.tables.rates import request_rates
from shared.store.tables.secrets import secrets
from shared.store.tables.services import cleaner_progress, creator_lease, heartbeats, virtual_clock
from shared.store.tables.tallies import tallies
from shared.store.tables.targets import breakers, dead_messages
from shared.store.tables.timetables import schedules, triggers
from shared.store.tables.trials import trials
from shared.store.tables.work import actions, job_templates, jobs

__all__ = [
    "actions",
    "api_keys",
    "breakers",
    "calendars",
    "cleaner_progress",
    "creator_lease",
    "dead_messages",
    "heartbeats",
    "job_executions",
    "job_templates",
    "jobs",
    "kept_answers",
    "ledger",
    "login_failures",
    "metadata",
    "plans",
    "refresh_tokens",
    "request_rates",
    "rooms",
    "schedule_calendars",
    "schedules",
    "secrets",
    "sessions",
    "tallies",
    "trials",
    "triggers",
    "users",
    "virtual_clock",
]
