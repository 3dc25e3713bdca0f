"""What carries messages from creators to executors, as badly as a queue may, and worse.

It stands where SQS stands: the product's own ``SqsTriggerQueue`` and ``SqsDeadLetterQueue`` talk to it through
``BrokerClient``, which has the methods of boto3's client that they use. It lives in the process of the test and not in
one of its own, so that a test can look into it; senders reach it over a loopback socket.
"""

import heapq
import json
import random
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from botocore.exceptions import EndpointConnectionError

# How soon a message comes back that an executor did not finish with. SQS would wait for 90 minutes.
COMES_BACK_AFTER = 10.0
# A message that was received so often without success is a dead letter.
MAX_RECEIVES = 5
NETWORK_TIMEOUT = 5.0


@dataclass(slots=True)
class Manners:
    """How badly it behaves: probabilities for each message, and the longest delay in seconds.

    ``bury``: what it loses becomes a dead letter.
    """

    lose: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    longest_delay: float = 5.0
    reject: float = 0.0
    reorder: bool = False
    away: bool = False
    bury: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """A message that may be received from the instant ``visible`` (of ``time.monotonic()``) on."""

    visible: float
    number: int
    body: str = field(compare=False)
    receives: int = field(compare=False, default=0)


@dataclass
class Counts:
    """What became of messages."""

    sent: int = 0
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    delayed: int = 0
    rejected: int = 0
    refused: int = 0
    dead: int = 0


class Broker:
    """Messages on their way. Thread-safe."""

    def __init__(self, seed: int) -> None:
        self.manners = Manners()
        self.counts = Counts()
        self.port = 0
        self._random = random.Random(seed)
        self._numbers = count()
        self._waiting: list[Message] = []
        self._dead: list[Message] = []
        self._changed = threading.Condition()

    def send(self, bodies: Sequence[str]) -> list[bool]:
        """Take messages; answers which of them were accepted. Raises ``ConnectionError`` while it is away."""
        with self._changed:
            self._refuse_while_away(len(bodies))
            accepted = [self._accept(body) for body in bodies]
            self._changed.notify_all()
            return accepted

    def receive(self, timeout: float) -> Message | None:
        """The next message that is visible; None when there is none within ``timeout`` seconds, or it is away."""
        until = time.monotonic() + timeout
        with self._changed:
            while True:
                now = time.monotonic()
                if not self.manners.away and self._waiting and self._waiting[0].visible <= now:
                    return self._take(now)
                wait = min([until - now, *(message.visible - now for message in self._waiting[:1])])
                if until <= now:
                    return None
                self._changed.wait(max(wait, 0.01))

    def give_back(self, message: Message) -> None:
        """Nobody finished with this message: it comes again later, but not for ever."""
        with self._changed:
            if message.receives >= MAX_RECEIVES:
                self._bury(message.body, message.receives)
            else:
                self._put(message.body, COMES_BACK_AFTER, message.receives)

    def receive_dead(self, number: int) -> list[Message]:
        """Dead letters, which come back after a while unless they are deleted."""
        with self._changed:
            self._refuse_while_away(1)
            now = time.monotonic()
            found = [message for message in self._dead if message.visible <= now][:number]
            hidden = [replace(message, visible=now + COMES_BACK_AFTER) for message in found]
            self._dead = [message for message in self._dead if message not in found] + hidden
            return found

    def delete_dead(self, number: int) -> None:
        """Somebody has done with a dead letter."""
        with self._changed:
            self._refuse_while_away(1)
            self._dead = [message for message in self._dead if message.number != number]

    def waiting(self) -> int:
        """How many messages have not been received."""
        with self._changed:
            return len(self._waiting)

    def lose_all(self) -> int:
        """Forget every message that waits; answers how many there were."""
        with self._changed:
            lost = len(self._waiting)
            self._waiting.clear()
            self.counts.lost += lost
            return lost

    def _refuse_while_away(self, number: int) -> None:
        if self.manners.away:
            self.counts.refused += number
            raise ConnectionError("the broker is away")

    def _bury(self, body: str, receives: int) -> None:
        self.counts.dead += 1
        self._dead.append(Message(time.monotonic(), next(self._numbers), body, receives))

    def _accept(self, body: str) -> bool:
        manners, chance = self.manners, self._random.random
        if chance() < manners.reject:
            self.counts.rejected += 1
            return False
        self.counts.sent += 1
        if chance() < manners.lose:
            self.counts.lost += 1
            if manners.bury:
                self._bury(body, MAX_RECEIVES)
            return True
        copies = 2 if chance() < manners.double else 1
        self.counts.doubled += copies - 1
        for _ in range(copies):
            late = chance() < manners.delay
            self.counts.delayed += late
            self._put(body, self._random.uniform(0, manners.longest_delay) if late else 0.0)
        return True

    def _put(self, body: str, after: float, receives: int = 0) -> None:
        heapq.heappush(self._waiting, Message(time.monotonic() + after, next(self._numbers), body, receives))

    def _take(self, now: float) -> Message:
        self.counts.delivered += 1
        if not self.manners.reorder:
            return _received(heapq.heappop(self._waiting))
        message = self._random.choice([each for each in self._waiting if each.visible <= now])
        self._waiting.remove(message)
        heapq.heapify(self._waiting)
        return _received(message)


def _received(message: Message) -> Message:
    return replace(message, receives=message.receives + 1)


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        broker: Broker = self.server.broker  # type: ignore[attr-defined]
        with suppress(ConnectionError):
            for line in self.rfile:
                what, argument = json.loads(line)
                self.wfile.write(json.dumps(_answer(broker, what, argument)).encode() + b"\n")


def _answer(broker: Broker, what: str, argument: Any) -> Any:
    if what == "send":
        return broker.send(argument)
    if what == "delete":
        return broker.delete_dead(int(argument))
    return [
        {
            "MessageId": str(message.number),
            "Body": message.body,
            "ReceiptHandle": str(message.number),
            "Attributes": {"ApproximateReceiveCount": str(message.receives)},
        }
        for message in broker.receive_dead(argument)
    ]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def handle_error(self, _request: object, _address: object) -> None:
        """A sender that was killed is nothing to talk about."""


@contextmanager
def carrying(seed: int) -> Iterator[Broker]:
    """A broker on a free loopback port, for as long as the block lasts."""
    broker = Broker(seed)
    with _Server(("127.0.0.1", 0), _Connection) as server:
        server.broker = broker  # type: ignore[attr-defined]
        broker.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        try:
            yield broker
        finally:
            server.shutdown()
            thread.join()


class BrokerClient:
    """What the product's queues want of boto3's client, spoken to a broker."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._file: Any = None

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        """As boto3 says: entries that were not accepted are not among ``Successful``."""
        accepted = self._ask(QueueUrl, "send", [entry["MessageBody"] for entry in Entries])
        return {"Successful": [entry for entry, taken in zip(Entries, accepted, strict=True) if taken]}

    def receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int, **_rest: Any) -> dict[str, Any]:  # noqa: N803
        """Dead letters: no other messages are asked for."""
        return {"Messages": self._ask(QueueUrl, "receive", MaxNumberOfMessages)}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:  # noqa: N803
        """Done with a dead letter."""
        self._ask(QueueUrl, "delete", ReceiptHandle)

    def _ask(self, url: str, what: str, argument: Any) -> Any:
        try:
            if self._file is None:
                self._file = self._connected()
            self._file.write(json.dumps([what, argument]).encode() + b"\n")
            self._file.flush()
            return json.loads(self._file.readline())
        except (OSError, ValueError) as error:
            self._file = None
            raise EndpointConnectionError(endpoint_url=url) from error

    def _connected(self) -> Any:
        with socket.create_connection(("127.0.0.1", self._port), NETWORK_TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection.makefile("rwb")
