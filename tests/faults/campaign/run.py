"""One campaign, from the first schedule to the account."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, text

from shared.errors import Unavailable
from shared.store.invariants import violations
from shared.store.tables import triggers
from tests.faults.accounts import Account, draw_up, unfinished
from tests.faults.campaign.customer import Change, Customer
from tests.faults.campaign.director import Director
from tests.faults.campaign.events import Event, schedule
from tests.faults.campaign.recovery import Times, after_kills, after_returns
from tests.faults.lab.bench import Lab, Size, laboratory
from tests.faults.lab.broker import Counts
from tests.faults.lab.server import serving
from tests.faults.workload import Owner, new_owner

SIZE = Size(executors=5, creators=2, period=5.0, creator_seconds=16.0, executor_seconds=60.0)
PLACES = {"executor": SIZE.executors, "creator": SIZE.creators, "cleaner": 1}
# A message that was lost several times is sent again after up to ten minutes.
DRAIN_SECONDS = 900.0
TOLD_EVERY = 10.0
CHECKED_EVERY = 30.0
# What is late by less is late and not lost, while everything fails.
PATIENCE = 120.0
# Clocks of two functions agree to within a round trip.
CLOCKS_AGREE = timedelta(seconds=0.5)
SESSIONS = text("""
    SELECT concat_ws(' ', pid, state, wait_event, 'for', round(extract(epoch FROM clock_timestamp() - xact_start), 1),
        's, blocked by', pg_blocking_pids(pid), left(query, 120))
    FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()""")


@dataclass(frozen=True, slots=True)
class Report:
    """What a campaign came to. ``bound`` is the rule of three: with 95 % confidence no larger part was lost."""

    seed: int
    minutes: float
    fires_per_second: float
    account: Account
    bound: float
    events: dict[str, int]
    messages: Counts
    faults_reached: int
    after_kills: Times
    after_database: Times
    after_queue: Times
    drained_after: float

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.account.faults

    def json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2)


def campaign(seed: int, minutes: float, tell: Callable[[str], None], events: Sequence[Event] | None = None) -> Report:
    """Fire some 70 times a second for so long while everything fails; then be quiet, wait, and count.

    ``events`` None: those of the seed.
    """
    events = schedule(seed, minutes * 60, PLACES) if events is None else events
    with serving() as server, laboratory(server.settings, SIZE, seed) as lab:
        lab.warm()
        until = (lab.services.clock.now() + timedelta(minutes=minutes)).replace(microsecond=0)
        _fleet(lab, until)
        customer = Customer(new_owner(lab.services, lab.target.url), until, seed)
        director = Director(lab, server, events, tell)
        lab.start()
        customer.start()
        director.start()
        found = _watch(lab, minutes * 60, tell)
        customer.stop()
        director.stop()
        tell("no more faults: waiting for what is still to end")
        quiet = time.monotonic()
        lab.wait("everything to end", DRAIN_SECONDS, lambda: _quiet(lab, until))
        drained = time.monotonic() - quiet
        account = draw_up(lab, until, customer.spans)
        account.faults += [*found, *_unwanted(lab, customer.changes)]
        record, calls = director.record, lab.target.calls
        account.faults += [f"the cleaner found {count} violations" for count in _found_by_cleaners(lab) if count]
        return Report(
            seed=seed,
            minutes=minutes,
            fires_per_second=round(account.decided / (minutes * 60), 1),
            account=account,
            bound=3 / account.expected,
            events=record.counts,
            messages=lab.broker.counts,
            faults_reached=sum(len(ending.result.faults) for ending in lab.endings),
            after_kills=after_kills(record, calls),
            after_database=after_returns(record.database_back, calls, record),
            after_queue=after_returns(record.queue_back, calls, record),
            drained_after=round(drained, 1),
        )


def _fleet(lab: Lab, until: datetime) -> None:
    """Seventy fires a second, of several users."""
    owners = [new_owner(lab.services, lab.target.url) for _ in range(6)]
    for owner in owners:
        single = owner.single()
        for _ in range(8):
            owner.recurring(single, 1, until)
    _special(owners[0], until)
    sick = new_owner(lab.services, lab.sick.url)
    for _ in range(4):
        sick.recurring(sick.single(), 3, until)
    # A clump of answers by a sick host would open the breaker of the healthy target, which others have, too.
    flaky = owners[1].flaky("/reluctant")
    for _ in range(4):
        owners[1].recurring(flaky, 3, until)


def _special(owner: Owner, until: datetime) -> None:
    chain, once, slow = owner.chain(), owner.once(), owner.single("/slow/300")
    for action, seconds, number in ((chain, 1, 6), (once, 1, 4), (slow, 2, 4)):
        for _ in range(number):
            owner.recurring(action, seconds, until)
    for _ in range(8):
        owner.relative(owner.single(), 1, None, ends_at=until)


def _watch(lab: Lab, seconds: float, tell: Callable[[str], None]) -> list[str]:
    """Tell how it goes, and look at the invariants now and then; answers what is violated."""
    begun, checked, found = time.monotonic(), time.monotonic(), list[str]()
    while (passed := time.monotonic() - begun) < seconds:
        time.sleep(min(TOLD_EVERY, seconds - passed))
        reached = sum(len(ending.result.faults) for ending in lab.endings)
        tell(f"{passed:8.0f} s  calls {len(lab.target.calls)}  messages {lab.broker.counts.sent}  faults {reached}")
        if time.monotonic() - checked > CHECKED_EVERY:
            checked = time.monotonic()
            found += [line for line in _violations(lab, tell) if line not in found]
    return found


def _violations(lab: Lab, tell: Callable[[str], None]) -> list[str]:
    try:
        now = lab.services.clock.now()
        with lab.services.database.begin() as connection:
            found = violations(connection, now, PATIENCE)
            around = _circumstances(connection, [each.id for each in found])
    except Unavailable:
        return []
    told = [f"meanwhile: {each.invariant}: {each.id}, {each.detail}" for each in found]
    for line in [*told, *around]:
        tell(f"{now:%H:%M:%S} {line}")
    return told


def _circumstances(connection: Connection, trigger_ids: Sequence[int]) -> list[str]:
    """What one wants to know of triggers that something is wrong with: their rows, and who holds what meanwhile."""
    if not trigger_ids:
        return []
    rows = connection.execute(select(triggers).where(triggers.c.id.in_(trigger_ids)))
    return [*(str(row._asdict()) for row in rows), *connection.execute(SESSIONS).scalars()]


def _found_by_cleaners(lab: Lab) -> list[int]:
    """What the product itself found wrong, each minute."""
    answers = [ending.result.answer for ending in lab.endings if ending.function == "cleaner"]
    return [int(answer.value.get("violations", 0)) for answer in answers if answer is not None and answer.value]


def _quiet(lab: Lab, until: datetime) -> bool:
    try:
        return lab.services.clock.now() > until and unfinished(lab, until) == 0
    except Unavailable:
        return False


def _unwanted(lab: Lab, changes: Sequence[Change]) -> list[str]:
    """Attempts that began after their schedule was paused or edited, by what it said before."""
    found = []
    with lab.services.database.begin() as connection:
        for change in changes:
            old = triggers.c.schedule_version < change.version
            if change.paused:
                old = (triggers.c.due_at <= change.at) & (triggers.c.kind == "planned")
            begun = select(triggers.c.id, triggers.c.due_at, triggers.c.started_at).where(
                triggers.c.schedule_id == change.schedule_id, old, triggers.c.started_at > change.at + CLOCKS_AGREE
            )
            found += [f"trigger {row.id} began at {row.started_at} after {change}" for row in connection.execute(begun)]
    return found
