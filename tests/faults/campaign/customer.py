"""A user who is at it all the time: makes schedules, pauses, edits, resumes and deletes them, asks for runs.

She writes down when each change was committed, by the database's time, so that the account can tell what she was
promised: after a pause or an edit nothing begins by the old definition.
"""

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from shared.errors import NotFound, Unavailable
from shared.manage.draft import Draft
from shared.manage.runs import run_now
from shared.manage.schedules import change_schedule, delete_schedule, pause_schedule, resume_schedule
from shared.schedule import ScheduleId, ScheduleStatus
from tests.faults.accounts import Span
from tests.faults.workload import Owner

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """After ``at`` no attempt may begin of what was planned before ``version``; of any version while it is paused."""

    schedule_id: ScheduleId
    at: datetime
    version: int
    paused: bool


class Customer:
    """Acts every now and then, from ``start`` until ``stop``."""

    def __init__(self, owner: Owner, until: datetime, seed: int) -> None:
        self.changes: list[Change] = []
        self.spans: dict[int, list[Span]] = defaultdict(list)
        self._owner, self._until = owner, until
        self._random = random.Random(f"customer/{seed}")
        # Since when each of them is active; None when it is not, or she cannot know.
        self._active: dict[ScheduleId, datetime | None] = {}
        self._instants = owner.single()
        for _ in range(4):
            self._add()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name="customer", daemon=True)

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def stop(self) -> None:
        """Have done."""
        self._over.set()
        self._thread.join()
        for schedule_id in list(self._active):
            self._close(schedule_id, self._until)

    def _go(self) -> None:
        acts = (self._make, self._make, self._pause, self._edit, self._resume, self._run, self._replace)
        while not self._over.wait(self._random.uniform(0.2, 1.5)):
            # Where the answer was lost she does not know, and promises herself nothing: the span is closed already.
            with suppress(Unavailable):
                self._random.choice(acts)()

    def _some(self) -> ScheduleId:
        return self._random.choice(list(self._active))

    def _add(self) -> None:
        schedule_id = self._owner.recurring(self._owner.single(), 1, self._until)
        self._active[schedule_id] = self._now()

    def _close(self, schedule_id: ScheduleId, until: datetime) -> None:
        self.spans[schedule_id] += []
        since, self._active[schedule_id] = self._active[schedule_id], None
        if since is not None:
            self.spans[schedule_id].append(Span(since, until))

    def _make(self) -> None:
        """A few schedules of a single instant in the next seconds."""
        now = self._now()
        for _ in range(5):
            due = (now + timedelta(seconds=self._random.randint(1, 6))).replace(microsecond=0)
            if due < self._until:
                self._owner.absolute(self._instants, due)

    def _pause(self) -> None:
        schedule_id = self._some()
        self._close(schedule_id, self._now())
        paused = pause_schedule(self._owner.services, self._owner.user_id, schedule_id)
        self.changes.append(Change(schedule_id, self._now(), paused.version, paused=True))

    def _edit(self) -> None:
        schedule_id = self._some()
        self._close(schedule_id, self._now())
        draft = Draft({"input": {"edit": self._random.random()}})
        edited = change_schedule(self._owner.services, self._owner.user_id, schedule_id, draft)
        self.changes.append(Change(schedule_id, self._now(), edited.version, paused=False))
        if edited.schedule_status is not ScheduleStatus.INACTIVE:
            self._active[schedule_id] = self._now()

    def _resume(self) -> None:
        schedule_id = self._some()
        resume_schedule(self._owner.services, self._owner.user_id, schedule_id)
        self._active[schedule_id] = self._active[schedule_id] or self._now()

    def _run(self) -> None:
        run_now(self._owner.services, self._owner.user_id, self._some(), Draft({}))

    def _replace(self) -> None:
        """Delete a schedule and make another one."""
        old = self._some()
        self._close(old, self._now())
        with suppress(NotFound):  # deleted already, although the answer was lost
            delete_schedule(self._owner.services, self._owner.user_id, old)
        self.changes.append(Change(old, self._now(), 0, paused=True))
        del self._active[old]
        self._add()

    def _now(self) -> datetime:
        return _again(self._owner.services.database.now)


def _again(read: Callable[[], T]) -> T:
    """Read when the database is back."""
    while True:
        try:
            return read()
        except Unavailable:
            time.sleep(0.05)
