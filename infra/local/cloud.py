"""The local cloud: database, emulator and deployed stack, as one thing that starts, heals and stops."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from infra import artifact
from infra.local import environment
from infra.local.aws import Aws
from infra.local.deploy import Deployment, deploy
from infra.local.emulator import Emulator
from infra.local.home import ROOT, Home, LocalCloudError
from infra.local.ports import LOOPBACK
from infra.local.postgres import EmbeddedPostgres
from infra.local.report import Report
from infra.local.virtual import VirtualRun
from infra.local.warm import warm_up
from infra.migrations.run import upgrade
from shared.errors import Unavailable
from shared.store import virtual_clock
from shared.store.engine import Database, connect
from shared.store.fires import executing

# What runs when we are asked to stop gets this long to end; then it is tried again at the next start.
DRAIN_SECONDS = 8.0
UNKNOWN_DATABASE = {"DB_HOST": LOOPBACK, "DB_USER": "unknown", "DB_PASSWORD": "", "DB_NAME": "unknown"}


class LocalCloud:
    """DB_HOST set: that database server, else an embedded one. AWS_ENDPOINT_URL set: that endpoint, else an emulator.

    After `start`, `database` is open and `deployment` says what was deployed where.
    """

    database: Database
    deployment: Deployment

    def __init__(self, home: Home, report: Report, run: VirtualRun | None = None) -> None:
        self._home = home
        self._report = report
        self._run = run
        self._postgres = None if environment.given_database() else EmbeddedPostgres(home.path)
        self._emulator = None if os.environ.get("AWS_ENDPOINT_URL") else Emulator(home.path)
        self.settings = environment.load(home, {} if self._postgres is None else UNKNOWN_DATABASE)
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        if run and not self.settings.development:
            raise LocalCloudError("Virtual time is for development: unset CRONNY_ENV.")

    def start(self) -> None:
        """Starts everything and deploys. Raises LocalCloudError or PostgresError."""
        with ThreadPoolExecutor() as pool:
            started = [pool.submit(self._start_postgres), pool.submit(self._start_emulator)]
            built = pool.submit(self._build)
        for one in started:
            one.result()
        if self._run:
            self._begin(self._run.at)
        self._deploy(built.result())
        if not self._run:
            with self.database.begin() as connection:
                virtual_clock.stop(connection)

    def hurry(self, speed: int) -> datetime:
        """From here on virtual time goes this fast; answers what it is."""
        with self.database.begin() as connection:
            return virtual_clock.go_on(connection, speed)

    def heal(self) -> None:
        """Starts again what died; nothing is lost, because the truth is in the database's files."""
        if self._postgres and not self._postgres.running():
            self._report.say("PostgreSQL is gone; starting it again.")
            before = self.settings
            self._start_postgres()
            if before != self.settings:
                self.redeploy()
        if self._emulator and not self._emulator.alive():
            self._report.say("The AWS emulator is gone; starting it again.")
            self._start_emulator()
            self.redeploy()

    def redeploy(self) -> None:
        """Builds and deploys what is in the working tree now."""
        self._deploy(self._build())
        self.warm_up()

    def warm_up(self) -> None:
        """Starts the executors that a burst would need, once everything else has started."""
        if self._emulator:
            warm_up(Aws(self.endpoint), self.deployment.functions["executor"])

    def stop(self) -> None:
        """Lets running jobs end, then stops what `start` started; also when that was interrupted halfway."""
        if self._emulator and self._emulator.alive():
            self._drain()
            self._emulator.stop()
        if hasattr(self, "database"):
            self.database.close()
        if self._postgres:
            self._postgres.stop()

    def variables(self) -> dict[str, str]:
        """The environment of the deployed functions."""
        queues = {
            "CRONNY_QUEUE_URL": self.deployment.queue_url,
            "CRONNY_DEAD_LETTER_QUEUE_URL": self.deployment.dead_letter_queue,
        }
        return environment.variables(self.settings) | queues

    def _start_postgres(self) -> None:
        if self._postgres:
            with self._report.step("PostgreSQL runs"):
                self.settings = environment.load(self._home, self._postgres.start())
        if hasattr(self, "database"):
            self.database.close()
        self.database = connect(self.settings)

    def _begin(self, at: datetime) -> None:
        """Sets the virtual clock before the first function asks for the time, and so before the deployment migrates."""
        upgrade(self.database)
        with self.database.begin() as connection:
            virtual_clock.start(connection, at)

    def _start_emulator(self) -> None:
        if self._emulator:
            with self._report.step("the AWS emulator runs"):
                self.endpoint = self._emulator.start()

    def _build(self) -> Path:
        with self._report.step("the artefact is built"):
            return artifact.build_linked_zip(ROOT) if self._emulator else artifact.build_zip(ROOT)

    def _deploy(self, built: Path) -> None:
        with self._report.step("template.yaml is deployed, the database migrated"):
            variables = environment.variables(self.settings)
            self.deployment = deploy(Aws(self.endpoint), ROOT / "template.yaml", built, variables)

    def _drain(self) -> None:
        """Takes no more messages and waits for the triggers that are being executed."""
        if not hasattr(self, "deployment"):
            return
        functions = Aws(self.endpoint).functions
        name = self.deployment.functions["executor"]
        for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._executing() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _executing(self) -> int:
        try:
            with self.database.begin() as connection:
                return executing(connection)
        except Unavailable:
            return 0
