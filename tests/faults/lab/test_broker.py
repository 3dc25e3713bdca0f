"""The broker behaves as badly as it is told to, and not otherwise."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from shared.errors import Unavailable
from shared.queue import decode
from shared.queue.sqs import SqsDeadLetterQueue, SqsTriggerQueue
from shared.trigger import TriggerId
from tests.faults.lab import broker as broker_module
from tests.faults.lab.broker import MAX_RECEIVES, Broker, BrokerClient, Manners, carrying

pytestmark = pytest.mark.chaos

PACKS = [(TriggerId(number),) for number in range(1, 41)]


@pytest.fixture
def broker() -> Iterator[Broker]:
    with carrying(seed=1) as broker:
        yield broker


@pytest.fixture
def queue(broker: Broker) -> SqsTriggerQueue:
    """The product's own, with the broker's client."""
    return SqsTriggerQueue(BrokerClient(broker.port), "http://broker")  # type: ignore[arg-type]


def received(broker: Broker) -> list[int]:
    """The trigger of each message that can be received at once."""
    found = []
    while message := broker.receive(0.0):
        pack = decode(message.body)
        assert pack
        found.append(int(pack[0]))
    return found


def test_a_message_arrives_once_and_in_order(broker: Broker, queue: SqsTriggerQueue) -> None:
    assert queue.send(PACKS) == len(PACKS)
    assert received(broker) == [pack[0] for pack in PACKS]
    assert received(broker) == []


def test_messages_are_lost_doubled_and_rejected_as_often_as_it_is_told(broker: Broker, queue: SqsTriggerQueue) -> None:
    broker.manners = Manners(lose=0.2, double=0.3, reject=0.25)
    accepted = queue.send(PACKS)
    counts = broker.counts
    assert accepted == counts.sent == len(PACKS) - counts.rejected
    found = Counter(received(broker))
    assert sum(found.values()) == counts.sent - counts.lost + counts.doubled
    assert set(found.values()) == {1, 2}
    assert 0 < counts.lost < counts.sent


def test_the_same_seed_misbehaves_in_the_same_way() -> None:
    def lost(seed: int) -> list[int]:
        broker = Broker(seed)
        broker.manners = Manners(lose=0.5, reorder=True)
        broker.send([json.dumps({"triggers": pack}) for pack in PACKS])
        return received(broker)

    assert lost(7) == lost(7) != lost(8)


def test_a_delayed_message_cannot_be_received_yet(broker: Broker, queue: SqsTriggerQueue) -> None:
    broker.manners = Manners(delay=1.0, longest_delay=1000.0)
    queue.send(PACKS)
    assert len(received(broker)) + broker.waiting() == len(PACKS) == broker.counts.delayed


def test_reordered_messages_all_arrive(broker: Broker, queue: SqsTriggerQueue) -> None:
    broker.manners = Manners(reorder=True)
    queue.send(PACKS)
    found = received(broker)
    assert found != sorted(found) == [pack[0] for pack in PACKS]


def test_a_queue_that_is_away_is_unavailable_and_keeps_what_it_has(broker: Broker, queue: SqsTriggerQueue) -> None:
    queue.send(PACKS[:1])
    broker.manners.away = True
    with pytest.raises(Unavailable):
        queue.send(PACKS)
    assert received(broker) == []
    broker.manners.away = False
    assert queue.send(PACKS[:1]) == 1
    assert len(received(broker)) == 2


def test_a_message_that_nobody_finishes_with_is_a_dead_letter_in_the_end(
    broker: Broker, queue: SqsTriggerQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "COMES_BACK_AFTER", 0.0)
    dead_letters = SqsDeadLetterQueue(BrokerClient(broker.port), "http://dead")  # type: ignore[arg-type]
    queue.send(PACKS[:1])
    for _ in range(MAX_RECEIVES):
        assert dead_letters.receive() == []
        message = broker.receive(1.0)
        assert message
        broker.give_back(message)
    assert broker.waiting() == 0
    dead = dead_letters.receive()[0]
    assert (dead.pack, dead.receives) == (PACKS[0], MAX_RECEIVES)
    assert dead_letters.receive()[0].id == dead.id, "it comes back unless it is deleted"
    dead_letters.delete(dead)
    assert dead_letters.receive() == []
