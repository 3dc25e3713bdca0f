"""Settings by environment: the only reader of ``os.environ``."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from shared import failpoints
from shared.arn import ANY, ArnPattern, AwsTargets, parse_patterns
from shared.environ import (
    BadSettings,
    IpNetwork,
    Reader,
    between,
    factor,
    kms_key_or_none,
    networks,
    path_or_none,
    secret,
    secret_or_none,
    url,
    url_or_none,
)
from shared.google import KEYS_URL

__all__ = ["NAMES", "BadSettings", "Environment", "Settings", "Ssl"]

# Only ever accepted in development, so that a laptop works without any setting.
DEVELOPMENT_SECRET = "development-only-secret-that-signs-nothing-of-value"  # noqa: S105


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
        reader = Reader(environ)
        environment = reader.read("CRONNY_ENV", Environment, default="development")
        default_ssl = "disable" if environment is Environment.DEVELOPMENT else "require"
        settings = cls(
            db_host=reader.text("DB_HOST"),
            db_user=reader.text("DB_USER"),
            db_password=reader.text("DB_PASSWORD", empty=True),
            db_name=reader.text("DB_NAME"),
            db_port=reader.read("DB_PORT", between(1, 65535), default="5432"),
            db_ssl=reader.read("DB_SSL", Ssl, default=default_ssl),
            environment=environment,
            port=reader.read("PORT", between(1, 65535), default="8009"),
            jwt_secret=reader.read("JWT_SECRET", secret, default=_development(environment)),
            jwt_secret_previous=reader.read("JWT_SECRET_PREVIOUS", secret_or_none, default=""),
            google_client_id=reader.read("CRONNY_GOOGLE_CLIENT_ID", str, default=""),
            google_keys_url=reader.read("CRONNY_GOOGLE_KEYS_URL", url_or_none, default=KEYS_URL),
            executions_per_job=reader.read("CRONNY_EXECUTIONS_PER_JOB", between(1, 10_000), default="10"),
            queue_url=reader.read("CRONNY_QUEUE_URL", url),
            dead_letter_queue=reader.read("CRONNY_DEAD_LETTER_QUEUE_URL", url_or_none, default=""),
            allowed_networks=reader.read("CRONNY_ALLOWED_NETWORKS", networks, default=""),
            fail_points=reader.read("CRONNY_FAIL_POINTS", partial(_fail_points, environment), default=""),
            metrics_token=reader.read("CRONNY_METRICS_TOKEN", secret_or_none, default=""),
            rate_limits=reader.read("CRONNY_RATE_LIMITS", factor, default="on"),
            kms_key_id=reader.read("CRONNY_KMS_KEY_ID", kms_key_or_none, default=""),
            key_file=reader.read("CRONNY_KEY_FILE", path_or_none, default=""),
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


def _development(environment: Environment | None) -> str | None:
    return DEVELOPMENT_SECRET if environment is Environment.DEVELOPMENT else None


def _fail_points(environment: Environment | None, raw: str) -> Mapping[str, str]:
    if raw and environment is not Environment.DEVELOPMENT:
        raise ValueError("only development fails on purpose")
    return failpoints.parse(raw)


def _aws_targets(environment: Environment | None, raw: str) -> tuple[ArnPattern, ...]:
    patterns = parse_patterns(raw)
    if environment is not Environment.DEVELOPMENT and any(pattern.text == ANY for pattern in patterns):
        raise ValueError("everything is open in development only; name what jobs may reach")
    return patterns
