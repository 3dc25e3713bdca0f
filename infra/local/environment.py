"""What the functions are told: the DB_* and CRONNY_* of our own environment, completed for a machine of one's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.aws import CREDENTIALS
from infra.local.home import Home, LocalCloudError
from infra.local.postgres import EmbeddedPostgres
from shared.settings import NAMES, BadSettings, Settings

# Jobs may call this machine, which they may not in the cloud; the demo's target is here.
LOOPBACK_NETWORKS = "127.0.0.0/8,::1/128"
# Jobs may reach all of the emulator, in which there is nothing of anybody else's.
ALL_OF_AWS = "*"
# Before the stack is deployed nobody knows the queue, and everything else can be checked already.
UNKNOWN_QUEUE = "http://127.0.0.1/queue"


def load(home: Home, database: dict[str, str], queue_url: str = UNKNOWN_QUEUE) -> Settings:
    """The settings with this database and this queue. Raises LocalCloudError that lists all faults."""
    given = {name: value for name, value in os.environ.items() if name in (*NAMES, "USE_PG")}
    completed = {"JWT_SECRET": home.secret("jwt-secret"), "CRONNY_QUEUE_URL": queue_url}
    if not given.get("CRONNY_KMS_KEY_ID"):
        completed["CRONNY_KEY_FILE"] = str(home.key_file())
    completed |= {name: value for name, value in given.items() if value} | database
    completed["CRONNY_ALLOWED_NETWORKS"] = given.get("CRONNY_ALLOWED_NETWORKS", LOOPBACK_NETWORKS)
    emulated = not os.environ.get("AWS_ENDPOINT_URL")
    completed["CRONNY_AWS_TARGETS"] = given.get("CRONNY_AWS_TARGETS", ALL_OF_AWS if emulated else "")
    try:
        return Settings.load(completed)
    except BadSettings as error:
        raise LocalCloudError(str(error)) from error


def variables(settings: Settings) -> dict[str, str]:
    """Settings as the environment of a function; the inverse of `Settings.load`, without PORT."""
    return {
        "CRONNY_ENV": settings.environment,
        "DB_HOST": settings.db_host,
        "DB_PORT": str(settings.db_port),
        "DB_USER": settings.db_user,
        "DB_PASSWORD": settings.db_password,
        "DB_NAME": settings.db_name,
        "DB_SSL": settings.db_ssl,
        "JWT_SECRET": settings.jwt_secret,
        "JWT_SECRET_PREVIOUS": settings.jwt_secret_previous,
        "CRONNY_GOOGLE_CLIENT_ID": settings.google_client_id,
        "CRONNY_GOOGLE_KEYS_URL": settings.google_keys_url,
        "CRONNY_EXECUTIONS_PER_JOB": str(settings.executions_per_job),
        "CRONNY_ALLOWED_NETWORKS": ",".join(map(str, settings.allowed_networks)),
        "CRONNY_QUEUE_URL": settings.queue_url,
        "CRONNY_DEAD_LETTER_QUEUE_URL": settings.dead_letter_queue,
        "CRONNY_FAIL_POINTS": ",".join(f"{point}={fault}" for point, fault in settings.fail_points.items()),
        "CRONNY_METRICS_TOKEN": settings.metrics_token,
        "CRONNY_RATE_LIMITS": f"{settings.rate_limits:g}",
        "CRONNY_KMS_KEY_ID": settings.kms_key_id,
        "CRONNY_KEY_FILE": settings.key_file,
        "CRONNY_AWS_TARGETS": str(settings.aws_targets),
    }


def given_database() -> bool:
    """Whether the environment names a database server."""
    return bool(os.environ.get("DB_HOST"))


@contextmanager
def database(home: Home) -> Iterator[dict[str, str]]:
    """The DB_* settings of the given database, the running session's, or the embedded one's, started for a while."""
    session = home.session()
    if given_database():
        yield {}
    elif session is not None:
        yield {name: value for name, value in session.settings.items() if name.startswith("DB_")}
    else:
        with home.alone():
            postgres = EmbeddedPostgres(home.path)
            try:
                yield postgres.start()
            finally:
                postgres.stop()


@contextmanager
def as_a_function(home: Home) -> Iterator[None]:
    """Makes our environment that of a function, with the given or the running session's database and queue."""
    session = home.session()
    queue = session.queue_url if session else UNKNOWN_QUEUE
    if session and not os.environ.get("CRONNY_QUEUE_URL"):
        dead = session.settings.get("CRONNY_DEAD_LETTER_QUEUE_URL", "")
        os.environ.setdefault("CRONNY_DEAD_LETTER_QUEUE_URL", dead)
    with database(home) as found:
        os.environ.update(variables(load(home, found, os.environ.get("CRONNY_QUEUE_URL") or queue)))
        for name, value in CREDENTIALS.items():
            os.environ.setdefault(name, value)
        if session:
            os.environ.setdefault("AWS_ENDPOINT_URL", session.endpoint)
        yield


def endpoint(home: Home) -> str:
    """The AWS endpoint in use. Raises LocalCloudError when there is none."""
    session = home.session()
    found = os.environ.get("AWS_ENDPOINT_URL") or (session.endpoint if session else "")
    if not found:
        raise LocalCloudError("No local cloud is running: start one with `make run`, or set AWS_ENDPOINT_URL.")
    return found
