"""Hand back: what an executor that has to stop cannot end goes back to the timetable, without waiting for its lease."""

import logging
import math
import time

from shared.job import Delivery
from shared.record import Event, TriggerPutBack
from shared.running import RunningPack
from shared.trigger import TriggerId

log = logging.getLogger("cronny.execute")

STOPPED = "The executor was stopped while it ran job {}"
AGAIN = "another attempt runs it again"


def hand_back(pack: RunningPack) -> list[Event]:
    """What is handed back now, if the pack's executor was asked to stop; fenced like everything else that is recorded.

    1. No job is begun any more: walks put their triggers back themselves.
    2. A moment later the jobs that still run are left behind, and their triggers are put back. That is no try of
       theirs, and no crash.

    A job that may be sent once only is left to its lease: nobody can say whether it was sent.
    """
    if pack.stop.newly_asked():
        log.info("asked to stop with %s triggers under way", len(pack.running))
        for running in pack.running.values():
            running.progress.wake()
    if time.monotonic() < pack.stop.hands_back_at:
        return []
    return [event for trigger_id in [*pack.running] for event in _left(pack, trigger_id)]


def _left(pack: RunningPack, trigger_id: TriggerId) -> list[Event]:
    if trigger_id in pack.given_up:
        return []
    running = pack.running[trigger_id]
    # A walk without a job is about to say what comes next.
    step = running.progress.give_up(math.inf)
    if step is None:
        return []
    pack.given_up.add(trigger_id)
    if step.job.delivery is Delivery.AT_MOST_ONCE:
        del pack.running[trigger_id]
        return []
    stopped = STOPPED.format(step.job.name)
    # A job of another branch that waits for another try is not tried sooner for that.
    at = max(pack.now(), step.rest_at or pack.now())
    return [TriggerPutBack(running.claim, at, f"{stopped}; {AGAIN}", stopped)]
