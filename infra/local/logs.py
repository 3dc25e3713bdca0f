"""`logs`: what the deployed functions wrote, oldest first."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.local.aws import Aws
from infra.local.home import Home
from infra.local import environment

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

GROUPS = "/aws/lambda/cronny-"
POLL_SECONDS = 1.0


def logs(home: Home, function: str | None, follow: bool) -> None:
    """Prints the lines of one function or of all; with `follow` it goes on until it is interrupted."""
    aws = Aws(environment.endpoint(home))
    seen: set[str] = set()
    while True:
        for line in _new_lines(aws, function or "", seen):
            print(line, flush=True)
        if not follow:
            return
        time.sleep(POLL_SECONDS)


def _new_lines(aws: Aws, function: str, seen: set[str]) -> Iterator[str]:
    found = [
        (event["timestamp"], group.removeprefix(GROUPS), event["message"].rstrip())
        for group in _groups(aws, function)
        for event in _events(aws, group)
        if event["eventId"] not in seen and not seen.add(event["eventId"])  # type: ignore[func-returns-value]
    ]
    for at, name, message in sorted(found):
        moment = datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        yield f"{moment}  {name:<8}  {message}"


def _groups(aws: Aws, function: str) -> list[str]:
    pages = aws.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=GROUPS + function)
    return [group["logGroupName"] for page in pages for group in page["logGroups"]]


def _events(aws: Aws, group: str) -> "Iterator[FilteredLogEventTypeDef]":
    for page in aws.logs.get_paginator("filter_log_events").paginate(logGroupName=group):
        yield from page["events"]
