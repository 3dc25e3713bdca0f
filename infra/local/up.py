"""`up`: starts the local cloud, opens the front door, makes the demo, prints each fire, until it is asked to stop."""

import os
import signal
import time
from contextlib import ExitStack, suppress
from types import FrameType
from urllib.request import urlopen

from botocore.exceptions import BotoCoreError, ClientError

from infra.local import environment
from infra.local.changes import Changes
from infra.local.cloud import LocalCloud
from infra.local.demo import OFTEN, USERNAME, Demo
from infra.local.door import Door
from infra.local.echo import Echo
from infra.local.follow import Follower
from infra.local.home import ROOT, Home, LocalCloudError, Session
from infra.local.places import PostgresError
from infra.local.report import Report
from infra.local.reset import erase
from infra.local.virtual import VirtualRun
from shared.errors import Unavailable
from shared.store import virtual_clock
from shared.store.fires import any_user

POLL_SECONDS = 0.3
LOOK_SECONDS = 1.0


class Stopped(BaseException):
    """Somebody asked us to stop. Like KeyboardInterrupt it is nobody's error."""


def up(home: Home, watch: bool, run: VirtualRun | None = None) -> None:
    """Runs until SIGINT or SIGTERM. Raises LocalCloudError or PostgresError when it cannot start."""
    report = Report()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with home.alone(), ExitStack() as stack:
            if run:
                erase(home)
            _run(home, watch, run, report, stack)
    except Stopped:
        report.say("Stopped.")


def _run(home: Home, watch: bool, run: VirtualRun | None, report: Report, stack: ExitStack) -> None:
    cloud = LocalCloud(home, report, run)
    door = Door(cloud.settings.port)
    stack.callback(_stop_all, cloud, report)
    stack.callback(door.close)
    stack.callback(home.withdraw)
    _say_where(home, report)
    cloud.start()
    _open(home, cloud, door)
    with report.step("the API answers"):
        _ask(door)
    report.say(f"\nCronny answers on {door.url}")
    if os.environ.get("DEMO", "1") != "0":
        _demo(home, cloud, door, run, report, stack)
    cloud.warm_up()
    follower = Follower(virtual_clock.read(cloud.database).shown, run.speed if run else None)
    if run:
        report.say(f"Virtual time: {cloud.hurry(run.speed):%Y-%m-%d %H:%M:%S} UTC, {run.speed} times as fast")
    _follow(home, cloud, door, watch, follower, report)


def _stop(number: int, frame: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # make and the terminal both send one
    raise Stopped


def _stop_all(cloud: LocalCloud, report: Report) -> None:
    with report.step("the local cloud is stopped"):
        cloud.stop()


def _say_where(home: Home, report: Report) -> None:
    report.say(f"Starting the local cloud; its data is in {home.path}")
    if "CRONNY_ALLOWED_NETWORKS" not in os.environ:
        networks = environment.LOOPBACK_NETWORKS
        report.say(f"Jobs may call this machine: CRONNY_ALLOWED_NETWORKS={networks} (set it, even empty, to decide)")


def _open(home: Home, cloud: LocalCloud, door: Door) -> None:
    deployed = cloud.deployment
    door.open(cloud.endpoint, deployed.api_id)
    home.announce(
        Session(
            pid=os.getpid(),
            url=door.url,
            port=door.port,
            endpoint=cloud.endpoint,
            queue_url=deployed.queue_url,
            functions=deployed.functions,
            settings=cloud.variables(),
        )
    )


def _ask(door: Door) -> None:
    """The first request starts a worker, and does so before the executors start ten more."""
    with suppress(OSError), urlopen(f"{door.url}/health") as answer:  # noqa: S310
        answer.read()


def _demo(home: Home, cloud: LocalCloud, door: Door, run: VirtualRun | None, report: Report, stack: ExitStack) -> None:
    echo = Echo(home.path / "echo-port")
    stack.callback(echo.close)
    demo = Demo(home, door.url, echo.url, run.schedules if run else [OFTEN])
    try:
        with cloud.database.begin() as connection:
            empty = not any_user(connection)
        if demo.prepare(empty):
            report.say(f"Log in as {USERNAME} with the password {demo.password}")
            report.say(f"A token: POST {door.url}/api/cronny/v1/auth/login, then Authorization: Bearer <token>")
    except (LocalCloudError, Unavailable, OSError) as error:
        report.say(f"The demo could not be made: {error}")


def _follow(home: Home, cloud: LocalCloud, door: Door, watch: bool, follower: Follower, report: Report) -> None:
    report.say("\nEach line below is a fire: when it was due, how late it started, how it ended. Ctrl-C stops.")
    changes = Changes(ROOT)
    looked = time.monotonic()
    while True:
        for line in follower.lines(cloud.database):
            report.say(line)
        time.sleep(POLL_SECONDS)
        if time.monotonic() - looked > LOOK_SECONDS:
            _look_after(home, cloud, door, watch and changes.any(), report)
            looked = time.monotonic()


def _look_after(home: Home, cloud: LocalCloud, door: Door, changed: bool, report: Report) -> None:
    try:
        before = cloud.deployment
        cloud.heal()
        if changed:
            cloud.redeploy()
        if before != cloud.deployment:
            _open(home, cloud, door)
    except (LocalCloudError, PostgresError, BotoCoreError, ClientError, OSError) as error:
        # A half-saved source file, or a migration that does not run: what is deployed goes on.
        report.say(str(error))
