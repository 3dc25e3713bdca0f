"""`logs`: what the deployed functions wrote, oldest first."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING

from infra.local import environment
from infra.local.aws import Aws
from infra.local.home import Home

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

GROUPS = "/aws/lambda/cronny-"
POLL_SECONDS = 1.0

# Milliseconds since 1970, the function, the message. The emulator gives events no id to know them by.
Line = tuple[int, str, str]


def logs(home: Home, function: str | None, follow: bool) -> None:
    """Prints the lines of one function or of all; with `follow` it goes on until it is interrupted."""
    aws = Aws(environment.endpoint(home))
    seen: Counter[Line] = Counter()
    while True:
        lines = Counter(_lines(aws, function or ""))
        for line in sorted((lines - seen).elements(), key=itemgetter(0)):
            print(_shown(line), flush=True)
        seen = lines
        if not follow:
            return
        time.sleep(POLL_SECONDS)


def _lines(aws: Aws, function: str) -> Iterator[Line]:
    for group in _groups(aws, function):
        for event in _events(aws, group):
            yield event["timestamp"], group.removeprefix(GROUPS), event["message"].rstrip()


def _shown(line: Line) -> str:
    milliseconds, function, message = line
    at = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{at}  {function:<8}  {message}"


def _groups(aws: Aws, function: str) -> list[str]:
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=GROUPS + function)
    return [group["logGroupName"] for page in pages for group in page["logGroups"]]


def _events(aws: Aws, group: str) -> "Iterator[FilteredLogEventTypeDef]":
    for page in aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        yield from page["events"]
