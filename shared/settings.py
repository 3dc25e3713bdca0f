"""Settings by environment: the only reader of ``os.environ``."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar

from shared import failpoints
from shared.arn import ANY, ArnPattern, AwsTargets, parse_patterns
from shared.google import KEYS_URL

T = TypeVar("T")

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Only ever accepted in development, so that a laptop works without any setting.
DEVELOPMENT_SECRET = "development-only-secret-that-signs-nothing-of-value"  # noqa: S105
SECRET_MIN_LENGTH = 32
_KMS_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")


class Environment(StrEnum):
    """Where Cronny runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


class Ssl(StrEnum):
    """How the connection to the database is protected."""

    DISABLE = "disable"
    REQUIRE = "require"
    VERIFY_FULL = "verify-full"


class BadSettings(Exception):  # noqa: N818
    """One or more settings are wrong or missing; the message has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("Cronny cannot start, its environment is wrong:\n" + "\n".join(f"  - {f}" for f in faults))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Names in the environment are the ones in ``NAMES``."""

    db_host: str
    db_user: str
    db_password: str
    db_name: str
    db_port: int
    db_ssl: Ssl
    environment: Environment
    port: int
    jwt_secret: str
    jwt_secret_previous: str
    google_client_id: str
    google_keys_url: str
    executions_per_job: int
    queue_url: str
    dead_letter_queue: str
    allowed_networks: tuple[IpNetwork, ...]
    fail_points: Mapping[str, str]
    metrics_token: str
    rate_limits: float
    kms_key_id: str
    key_file: str
    aws_targets: AwsTargets

    @property
    def development(self) -> bool:
        """Whether convenience may win over strictness."""
        return self.environment is Environment.DEVELOPMENT

    @property
    def jwt_secrets(self) -> tuple[str, ...]:
        """What signs access tokens, and what is still accepted."""
        return tuple(filter(None, (self.jwt_secret, self.jwt_secret_previous)))

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "Settings":
        """Read and check every setting; raises ``BadSettings`` that lists all faults at once."""
        reader = _Reader(environ)
        environment = reader.read("CRONNY_ENV", Environment, default="development")
        default_ssl = "disable" if environment is Environment.DEVELOPMENT else "require"
        settings = cls(
            db_host=reader.text("DB_HOST"),
            db_user=reader.text("DB_USER"),
            db_password=reader.text("DB_PASSWORD", empty=True),
            db_name=reader.text("DB_NAME"),
            db_port=reader.read("DB_PORT", _between(1, 65535), default="5432"),
            db_ssl=reader.read("DB_SSL", Ssl, default=default_ssl),
            environment=environment,
            port=reader.read("PORT", _between(1, 65535), default="8009"),
            jwt_secret=reader.read("JWT_SECRET", _secret, default=_development(environment)),
            jwt_secret_previous=reader.read("JWT_SECRET_PREVIOUS", _secret_or_none, default=""),
            google_client_id=reader.read("CRONNY_GOOGLE_CLIENT_ID", str, default=""),
            google_keys_url=reader.read("CRONNY_GOOGLE_KEYS_URL", _url_or_none, default=KEYS_URL),
            executions_per_job=reader.read("CRONNY_EXECUTIONS_PER_JOB", _between(1, 10_000), default="10"),
            queue_url=reader.read("CRONNY_QUEUE_URL", _url),
            dead_letter_queue=reader.read("CRONNY_DEAD_LETTER_QUEUE_URL", _url_or_none, default=""),
            allowed_networks=reader.read("CRONNY_ALLOWED_NETWORKS", _networks, default=""),
            fail_points=reader.read("CRONNY_FAIL_POINTS", partial(_fail_points, environment), default=""),
            metrics_token=reader.read("CRONNY_METRICS_TOKEN", _secret_or_none, default=""),
            rate_limits=reader.read("CRONNY_RATE_LIMITS", _factor, default="on"),
            kms_key_id=reader.read("CRONNY_KMS_KEY_ID", _kms_key_or_none, default=""),
            key_file=reader.read("CRONNY_KEY_FILE", _path_or_none, default=""),
            aws_targets=AwsTargets(
                reader.read("CRONNY_AWS_TARGETS", partial(_aws_targets, environment), default=""),
                environ.get("CRONNY_QUEUE_URL", ""),
            ),
        )
        reader.finish()
        return settings


NAMES = (
    "DB_HOST",
    "DB_USER",
    "DB_PASSWORD",
    "DB_NAME",
    "DB_PORT",
    "DB_SSL",
    "CRONNY_ENV",
    "PORT",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "CRONNY_GOOGLE_CLIENT_ID",
    "CRONNY_GOOGLE_KEYS_URL",
    "CRONNY_EXECUTIONS_PER_JOB",
    "CRONNY_QUEUE_URL",
    "CRONNY_DEAD_LETTER_QUEUE_URL",
    "CRONNY_ALLOWED_NETWORKS",
    "CRONNY_FAIL_POINTS",
    "CRONNY_METRICS_TOKEN",
    "CRONNY_RATE_LIMITS",
    "CRONNY_KMS_KEY_ID",
    "CRONNY_KEY_FILE",
    "CRONNY_AWS_TARGETS",
)


class _Reader:
    """Reads one name after the other and remembers what was wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []
        if environ.get("USE_PG", "yes").lower() in ("no", "false", "0"):
            self._faults.append("USE_PG=no asks for MySQL, which is not supported: Cronny needs PostgreSQL 15 or newer")

    def text(self, name: str, *, empty: bool = False) -> str:
        if name not in self._environ or not (self._environ[name] or empty):
            self._faults.append(f"{name} is missing")
        return self._environ.get(name, "")

    def read(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T:
        raw = self._environ.get(name, "") or default
        if raw is None:
            self._faults.append(f"{name} is missing")
        else:
            try:
                return parse(raw)
            except ValueError as error:
                # A StrEnum's own message names the class; the choices are what a person needs.
                choices = isinstance(parse, type) and issubclass(parse, StrEnum)
                wanted = "it must be one of " + ", ".join(parse) if choices else str(error)  # type: ignore[arg-type]
                shown = "" if any(word in name for word in ("SECRET", "TOKEN")) else f"={raw}"
                self._faults.append(f"{name}{shown}: {wanted}")
        return None  # type: ignore[return-value]  # finish() raises before anybody sees it

    def finish(self) -> None:
        if self._faults:
            raise BadSettings(self._faults)


def _development(environment: Environment | None) -> str | None:
    return DEVELOPMENT_SECRET if environment is Environment.DEVELOPMENT else None


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not raw.strip().isdecimal() or not low <= int(raw) <= high:
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return int(raw)

    return parse


def _factor(raw: str) -> float:
    """0 for off, 1 for on."""
    known = {"on": 1.0, "off": 0.0}.get(raw.strip().lower())
    if known is None and not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", raw.strip(), re.ASCII):
        raise ValueError("it must be on, off, or a number that multiplies the limits, such as 10 or 0.5")
    return known if known is not None else float(raw)


def _secret(raw: str) -> str:
    if len(raw) < SECRET_MIN_LENGTH:
        raise ValueError(f"it must have at least {SECRET_MIN_LENGTH} characters (try: openssl rand -hex 32)")
    return raw


def _secret_or_none(raw: str) -> str:
    return _secret(raw) if raw else ""


def _url(raw: str) -> str:
    if not raw.startswith(("http://", "https://")):
        raise ValueError("it must be a URL")
    return raw


def _url_or_none(raw: str) -> str:
    return _url(raw) if raw else ""


def _kms_key_or_none(raw: str) -> str:
    if raw and not _KMS_KEY.fullmatch(raw):
        raise ValueError("it must be the id, the ARN or the alias of a KMS key")
    return raw


def _path_or_none(raw: str) -> str:
    if raw and not os.path.isabs(raw):
        raise ValueError("it must be an absolute path")
    return raw


def _fail_points(environment: Environment | None, raw: str) -> Mapping[str, str]:
    if raw and environment is not Environment.DEVELOPMENT:
        raise ValueError("only development fails on purpose")
    return failpoints.parse(raw)


def _aws_targets(environment: Environment | None, raw: str) -> tuple[ArnPattern, ...]:
    patterns = parse_patterns(raw)
    if environment is not Environment.DEVELOPMENT and any(pattern.text == ANY for pattern in patterns):
        raise ValueError("everything is open in development only; name what jobs may reach")
    return patterns


def _networks(raw: str) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in raw.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"it must be networks such as 10.0.0.0/8, separated by commas ({error})") from error
