"""Dispatch: due triggers leave the timetable for the queue, and the next ones of their schedules take their place."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.decide import Decisions, decide, overlaps_matter
from shared.errors import Unavailable
from shared.failpoints import reach
from shared.packs import Sendable
from shared.queue import Pack
from shared.services import Services
from shared.shares import ANY_HOST, Divided, Limited, Share, divide
from shared.store import Connection, calendars, dispatching, holds, overlapping, planning, sharing
from shared.store.holds import Held
from shared.trigger import Hold
from shared.user import UserId

log = logging.getLogger("cronny.dispatch")

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What one batch did; ``more`` says whether another batch is worth a look."""

    queued: int
    skipped: int
    held: int
    more: bool


@dataclass(frozen=True, slots=True)
class Released:
    """What one round let go; ``waiting``: whether anybody waits for a share, ``more``: for whom there may be room."""

    queued: int
    waiting: bool
    more: bool


def dispatch(services: Services, now: datetime) -> Dispatched:
    """Dispatch one batch of due triggers.

    1. Lock due triggers with their schedules and users, skipping what others hold.
    2. Decide each: it goes, waits, or is skipped; insert the next trigger of its schedule.
    3. Of those that go, each user's share is marked queued; the rest waits in a line of that user. COMMIT.
       A crash before this changes nothing.
    4. Send. A crash before or during this leaves queued triggers that nobody claims; ``recover`` sends them again.

    Due times come from planned times, so neither a backlog nor a late tick moves a timetable.
    """
    with services.database.begin() as connection:
        due = dispatching.lock_due(connection, now, BATCH)
        if not due:
            return Dispatched(0, 0, 0, more=False)
        if __debug__:
            reach("dispatch.locked", connection)
        decisions = _decide(connection, due, now, services.clock.speed)
        # Before the shares are counted: what has lost its place leaves it to others.
        overlapping.cancel(connection, list(decisions.replaced.items()), now)
        shares = sharing.lock_shares(connection, {item.user_id for item in decisions.ready})
        for user_id, line in sharing.lines(connection, list(shares)):
            shares[user_id].lines.add(line)
        divided = _share_out(connection, decisions.ready, shares)
        _write(connection, decisions, divided)
        if __debug__:
            reach("dispatch.written", connection)
    if __debug__:
        reach("dispatch.committed")
    send(services, divided.packs, now)
    behind = any(occurrence.due_at <= now for occurrence in decisions.following)
    skipped = len(decisions.skipped) + len(decisions.missed)
    held = len(decisions.held) + len(divided.limited)
    return Dispatched(len(divided.sent), skipped, held, more=behind or len(due) == BATCH)


def release(services: Services, now: datetime) -> Released:
    """Let go, user by user, those that come first in the line for a share, as far as there is room by now.

    1. Lock the users of whom somebody waits, and then the first of each line. Who waits for his user's share and turns
       out to wait for a host moves to the line of that host, once.
    2. Mark each user's share queued. COMMIT. A crash before this changes nothing.
    3. Send, as ``dispatch`` does.
    """
    with services.database.begin() as connection:
        waiting = sharing.waiting_users(connection, BATCH)
        if not waiting:
            return Released(0, waiting=False, more=False)
        shares = sharing.lock_shares(connection, waiting)
        if __debug__:
            reach("release.locked", connection)
        rows = _first_in_line(connection, shares)
        items = [Sendable(row.id, row.user_id, row.alone, row.host, row.next_attempt_at, row.priority) for row in rows]
        divided = _share_out(connection, items, shares)
        lines = {row.id: row.held_for for row in rows}
        moved = [limited for limited in divided.limited if limited.line not in (ANY_HOST, lines[limited.item.id])]
        dispatching.mark_queued(connection, divided.sent, now, services.clock.speed)
        holds.hold(connection, _held(moved))
        if __debug__:
            reach("release.written", connection)
    if __debug__:
        reach("release.committed")
    send(services, divided.packs, now)
    return Released(len(divided.sent), waiting=True, more=bool(moved))


def send(services: Services, packs: Sequence[Pack], now: datetime) -> None:
    """Send triggers that are marked queued; when the queue is away they are offered again in a few seconds."""
    if not packs:
        return
    try:
        services.queue.send(packs)
        if __debug__:
            reach("send.sent")
    except Unavailable as error:
        unsent = [trigger_id for pack in packs for trigger_id in pack]
        log.warning("%s triggers stay unsent for now: %s", len(unsent), error)
        with services.database.begin() as connection:
            dispatching.postpone(connection, unsent, now, services.clock.speed)


def _decide(connection: Connection, due: Sequence[Any], now: datetime, speed: float) -> Decisions:
    concerned = list({row.schedule_id for row in due if overlaps_matter(row)})
    decisions = Decisions(now, speed, overlapping.under_way(connection, concerned))
    closed = calendars.of_schedules(connection, list({row.schedule_id for row in due}))
    # In the order of due times, so that of one schedule's the earliest goes and the later ones see it.
    for row in sorted(due, key=lambda row: row.due_at):
        decide(row, closed.get(row.schedule_id, ()), decisions)
    return decisions


def _share_out(connection: Connection, ready: Sequence[Sendable], shares: Mapping[UserId, Share]) -> Divided:
    if not ready:
        return Divided()
    sharing.count_hosts(connection, shares, {item.host for item in ready})
    return divide(ready, shares, sharing.outstanding(connection))


def _first_in_line(connection: Connection, shares: Mapping[UserId, Share]) -> Sequence[Any]:
    """As many of each line as there is room for, of the users who have any."""
    outstanding = sharing.outstanding(connection)
    rooms = {user_id: room for user_id, share in shares.items() if (room := share.room(outstanding))}
    lines = sharing.lines(connection, list(rooms))
    return sharing.take(connection, [(user_id, line, rooms[user_id]) for user_id, line in lines])


def _write(connection: Connection, decisions: Decisions, divided: Divided) -> None:
    now, speed = decisions.now, decisions.speed
    dispatching.mark_queued(connection, divided.sent, now, speed)
    holds.hold(connection, [*decisions.held, *_held(divided.limited)])
    dispatching.mark_skipped(connection, decisions.skipped, now)
    dispatching.record_missed(connection, decisions.missed, now)
    dispatching.count_runs(connection, decisions.counted)
    dispatching.count_late_runs(connection, decisions.late_runs)
    planning.put(connection, decisions.following)
    planning.mark_processing(connection, decisions.exhausted, exhausted=True)
    overlapping.wake(connection, list(decisions.awake), now, speed)
    for schedule_id, note in decisions.unreadable:
        planning.switch_off(connection, schedule_id, note)


def _held(limited: Collection[Limited]) -> list[Held]:
    return [Held(each.item.id, Hold.LIMIT, each.reason, each.item.since, each.line) for each in limited]
