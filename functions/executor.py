"""The executor: SQS hands it one pack of triggers at a time, ten invocations at once at most."""

import time
from typing import Any

from functions.logs import logger
from functions.stopping import graceful
from shared import wiring
from shared.drain import note
from shared.execute import execute
from shared.failpoints import reach
from shared.queue import DeadMessage, decode
from shared.registration import Service, register

KEPT_BACK_SECONDS = 5


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run the triggers of each message. One that is none of ours is written down and not raised: it would return.

    Raises ``Unavailable`` while the database is away; the message then returns, and so does ``recover``.
    """
    log, services = logger("executor"), wiring.services()
    lasts_until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - KEPT_BACK_SECONDS
    executed = {"completed": 0, "failed": 0, "taken": 0, "put_back": 0}
    now = services.clock.now()
    with graceful() as asked_to_stop:
        with services.database.begin() as connection:
            register(connection, services, Service.EXECUTOR, now)
        for message in event.get("Records", []):
            pack = decode(message.get("body", ""))
            if pack is None:
                log.error("dropped a message that names no triggers", message_id=message.get("messageId"))
                note(services, [_dead(message)], now)
                continue
            if __debug__:
                reach("receive.received")
            summary = execute(services, pack, lasts_until, asked_to_stop.is_set)
            executed = {key: executed[key] + getattr(summary, key) for key in executed}
        log.info("executed", extra=executed)
    return executed


def _dead(message: dict[str, Any]) -> DeadMessage:
    receives = str(message.get("attributes", {}).get("ApproximateReceiveCount", "1"))
    return DeadMessage(str(message.get("messageId")), str(message.get("body", "")), int(receives))
