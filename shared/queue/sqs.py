"""The trigger queue on SQS, wherever ``AWS_ENDPOINT_URL`` points."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable
from shared.failpoints import reach
from shared.queue import Pack, encode

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

T = TypeVar("T")

BATCH = 10  # entries of one SendMessageBatch, an SQS limit


class SqsTriggerQueue:
    """Sends packs in batches of ten messages."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, packs: Sequence[Pack]) -> int:
        """Send each pack as one message; answers how many SQS accepted."""
        accepted = 0
        for batch in _batches(packs, BATCH):
            accepted += self._send_batch(batch)
            if __debug__:
                reach("send.one_batch_sent")
        return accepted

    def _send_batch(self, packs: list[Pack]) -> int:
        try:
            # SQS may reject entries one by one: those are not in "Successful" and simply stay unsent.
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": str(number), "MessageBody": encode(pack)} for number, pack in enumerate(packs)],
            )
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"The trigger queue is away: {error}") from error
        return len(answer.get("Successful", []))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
