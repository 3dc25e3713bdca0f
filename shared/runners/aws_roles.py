"""Roles of users in AWS, which Cronny assumes to do their jobs, and who makes clients with whose credentials."""

import math
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from shared.arn import Arn, external_id
from shared.runners import RunContext
from shared.user import UserId

CONNECT_SECONDS = 3
# A role's credentials hold for an hour; they are used for less, so that none ends within a job.
ROLE_SECONDS = 3600
ROLE_KEPT_SECONDS = 2400
# The shortest there are, for what is to be refused.
PROBE_SECONDS = 900
MAX_ROLES_KEPT = 200


@dataclass(frozen=True, slots=True)
class Credentials:
    """Those of an assumed role."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


class AwsClients(Protocol):
    """Where clients come from; ``wiring`` has the only one, which is boto3."""

    def client(self, service: str, region: str, seconds: float, credentials: Credentials | None = None) -> Any:
        """A client that gives up within these seconds and tries nothing twice; None: with Cronny's credentials."""
        ...


class NoClients:
    """Of those who have no AWS: nothing is open, so nobody asks."""

    def client(self, service: str, region: str, seconds: float, credentials: Credentials | None = None) -> Any:
        """As ``AwsClients`` says."""
        raise LookupError(f"there is no AWS here that has {service} in {region}")


class Denied(Exception):  # noqa: N818 - the message is the sentence
    """Whom Cronny may not call."""


@dataclass
class Roles:
    """Assumes roles, and keeps their credentials for a while; safe to share between threads.

    ``distrust``: a role that can be assumed without an external id is refused, because then anybody's jobs could name
    it. Emulators let everybody assume everything, so development does without.
    """

    clients: AwsClients
    distrust: bool = True
    _kept: dict[tuple[UserId, Arn], tuple[float, Credentials]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def assume(self, role: Arn, region: str, context: RunContext) -> Credentials:
        """Credentials of this role for this user. Raises ``Denied``, and botocore's errors."""
        key = (context.user_id, role)
        with self._lock:
            until, kept = self._kept.get(key, (0.0, None))
        if kept is not None and time.monotonic() < until:
            return kept
        if self.distrust:
            self._must_demand_an_id(role, region, context)
        credentials = self._ask(role, region, context, ROLE_SECONDS, {"ExternalId": external_id(context.user_id)})
        with self._lock:
            if len(self._kept) >= MAX_ROLES_KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (time.monotonic() + ROLE_KEPT_SECONDS, credentials)
        return credentials

    def _must_demand_an_id(self, role: Arn, region: str, context: RunContext) -> None:
        from botocore.exceptions import ClientError

        try:
            self._ask(role, region, context, PROBE_SECONDS, {})
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("AccessDenied", "AccessDeniedException"):
                return
            raise
        wanted = f"its trust policy must demand the sts:ExternalId {external_id(context.user_id)}"
        raise Denied(f"{role} can be assumed for anybody's jobs: {wanted}")

    def _ask(self, role: Arn, region: str, context: RunContext, seconds: int, proof: dict[str, str]) -> Credentials:
        answer = self.clients.client("sts", region, seconds_left(context)).assume_role(
            RoleArn=str(role),
            RoleSessionName=f"cronny-trigger-{context.trigger_id}",
            DurationSeconds=seconds,
            **proof,
        )
        given = answer["Credentials"]
        return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def seconds_left(context: RunContext) -> float:
    """Whole seconds that a call may take; raises ``TimeoutError`` when there are none."""
    left = context.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return max(math.floor(left), 1)
