"""The trigger queue and its dead letter queue on SQS, wherever ``AWS_ENDPOINT_URL`` points."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable
from shared.failpoints import reach
from shared.queue import DeadMessage, Pack, encode

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

T = TypeVar("T")

BATCH = 10  # entries of one SendMessageBatch, and messages of one ReceiveMessage: SQS limits


class SqsTriggerQueue:
    """Sends packs in batches of ten messages."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, packs: Sequence[Pack]) -> int:
        """Send each pack as one message; answers how many SQS accepted."""
        return sum(self._send_batch(batch) for batch in _batches(packs, BATCH))

    def _send_batch(self, packs: list[Pack]) -> int:
        try:
            # SQS may reject entries one by one: those are not in "Successful" and simply stay unsent.
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(number), "MessageBody": encode(pack)} for number, pack in enumerate(packs)],
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"The trigger queue is away: {error}") from error
        if __debug__:
            reach("send.one_batch_sent")
        return len(answer.get("Successful", []))


class SqsDeadLetterQueue:
    """Receives ten messages at a time, each with how often it was received."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def receive(self) -> list[DeadMessage]:
        """Up to ten messages. A second is waited for them: without a wait SQS asks only some of its servers."""
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"The dead letter queue is away: {error}") from error
        return [_dead(message) for message in answer.get("Messages", [])]

    def delete(self, message: DeadMessage) -> None:
        """Delete it; one whose visibility is over comes back, and is deleted then."""
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message.handle)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"The dead letter queue is away: {error}") from error


def _dead(message: "MessageTypeDef") -> DeadMessage:
    receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", 0))
    return DeadMessage(message["MessageId"], message["Body"], receives, message["ReceiptHandle"])


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
