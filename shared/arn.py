"""ARNs: how AWS names things, and which of them jobs may reach. Pure.

What a job reaches in AWS, it reaches with somebody's credentials: Cronny's own, or those of a role that the user lets
Cronny assume. Both are closed until the operator opens them, one ARN or pattern at a time (``CRONNY_AWS_TARGETS``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.user import UserId

ANY = "*"
EXAMPLE = "arn:aws:sqs:eu-central-1:123456789012:orders"

# Regions become part of a host's name, so nothing but a region's letters may pass.
_PARTITION, _REGION, _ACCOUNT = "aws(?:-[a-z]+)*", r"(?:[a-z]{2,}(?:-[a-z]+)+-\d{1,2})?", r"(?:\d{12})?"
_ARN = re.compile(rf"arn:({_PARTITION}):([a-z0-9-]+):({_REGION}):({_ACCOUNT}):([\w+=,.@:/$-]{{1,512}})", re.ASCII)
_PATTERN = re.compile(r"(?:(\d{1,18})@)?(\*|arn(?::[\w*+=,.@/$-]*){4}:[\w*+=,.@:/$-]+)", re.ASCII)
_QUEUE_URL = re.compile(r"https?://[^/]+/(\d{12})/([\w.-]+)", re.ASCII)
_FUNCTIONS = ("api", "creator", "executor", "cleaner", "migrate")


@dataclass(frozen=True, slots=True)
class Arn:
    """The name of one thing: ``arn:partition:service:region:account:resource``."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"

    @property
    def name(self) -> str:
        """The resource without its kind: ``orders``, and of ``function:report`` ``report``."""
        return re.split("[:/]", self.resource, maxsplit=1)[-1]

    @classmethod
    def parse(cls, text: str) -> "Arn | None":
        """None for what is no ARN."""
        found = _ARN.fullmatch(text)
        return cls(*found.groups()) if found else None


@dataclass(frozen=True, slots=True)
class ArnPattern:
    """An ARN with ``*`` in the place of anything, within its part; for one user only, or for all (None).

    The text ``*`` alone is everything.
    """

    text: str
    user_id: UserId | None = None

    def __str__(self) -> str:
        return self.text if self.user_id is None else f"{self.user_id}@{self.text}"

    @property
    def account(self) -> str:
        """As it is written; ``*`` is any."""
        return ANY if self.text == ANY else self.text.split(":", 5)[4]

    def matches(self, arn: Arn, user_id: UserId) -> bool:
        """Whether this user may reach this by it."""
        if self.user_id not in (None, user_id):
            return False
        parts = zip(self.text.split(":", 5), str(arn).split(":", 5), strict=False)
        return self.text == ANY or all(_matches(wanted, given) for wanted, given in parts)


@dataclass(frozen=True)
class AwsTargets:
    """What jobs may reach. ``queue_url`` is the trigger queue's: what is Cronny's own, no pattern opens."""

    patterns: tuple[ArnPattern, ...] = ()
    queue_url: str = ""

    def __str__(self) -> str:
        return ",".join(map(str, self.patterns))

    def open_to(self, arn: Arn, user_id: UserId) -> bool:
        """Whether this user's jobs may use Cronny's own credentials for this, or assume this role with them.

        A role of Cronny's own account needs a pattern that names the account: ``arn:aws:iam::*:role/cronny-*`` means
        those of the users.
        """
        own_account, own_names = self._own
        if arn.account == own_account and arn.name.partition(":")[0] in own_names:
            return False
        close = arn.service == "iam" and arn.account == own_account
        fitting = [pattern for pattern in self.patterns if pattern.matches(arn, user_id)]
        return any(not close or pattern.text == ANY or pattern.account == own_account for pattern in fitting)

    @cached_property
    def _own(self) -> tuple[str, frozenset[str]]:
        """Cronny's account, and the names of its queues and functions: template.yaml makes them of the stack's name."""
        found = _QUEUE_URL.fullmatch(self.queue_url)
        if found is None:
            return "", frozenset()
        stack = found[2].removesuffix("-triggers")
        return found[1], frozenset((found[2], f"{found[2]}-dead", *(f"{stack}-{name}" for name in _FUNCTIONS)))


def parse_patterns(raw: str) -> tuple[ArnPattern, ...]:
    """Patterns with commas between them; ``7@arn:...`` is user 7's alone. Raises ``ValueError`` with a sentence."""
    patterns = []
    for part in filter(None, map(str.strip, raw.split(","))):
        found = _PATTERN.fullmatch(part)
        if found is None:
            raise ValueError(f"it must be ARNs such as {EXAMPLE} with commas between them, and {part} is none")
        patterns.append(ArnPattern(found[2], UserId(int(found[1])) if found[1] else None))
    return tuple(patterns)


def external_id(user_id: UserId) -> str:
    """What a role of this user's must demand as ``sts:ExternalId``, so that nobody else's jobs can assume it."""
    return f"cronny-{user_id}"


def unopened(arns: Sequence[Arn]) -> str:
    """The sentence for what is not open."""
    names = ", ".join(map(str, arns))
    return (
        f"Cronny may not use {names} with its own credentials: give a role_arn of yours, "
        "or ask whoever runs Cronny to open it (CRONNY_AWS_TARGETS)"
    )


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split(ANY))), text) is not None
