"""SIGTERM in the middle of anything: real processes of every function, asked to stop while they are at work."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from functions import stopping
from infra.local import environment
from infra.local.ports import free_port
from shared.dispatch import dispatch
from shared.plan import plan
from shared.queue import encode
from shared.services import Services
from shared.settings import Settings
from shared.store import tallying
from shared.store.engine import Database
from shared.store.tables import cleaner_progress, heartbeats
from shared.trigger import TriggerId
from tests.chalicelib.client import payload_2
from tests.cloud import wait_for
from tests.fakes import SetClock
from tests.shared.manage.test_dead_letters import World
from tests.targets import Target, running_target
from tests.world import count, new_logger_schedule, set_trigger, the_executions, the_triggers

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("sound")


@dataclass
class Process:
    """A child and what it prints."""

    child: subprocess.Popen[str]
    said: list[str]
    listener: threading.Thread

    def wait_for(self, word: str) -> None:
        """Until it has said this word."""
        wait_for(f"{word!r} to be said", 30, lambda: word in "\n".join(self.said))

    def stop(self) -> None:
        """SIGTERM."""
        self.child.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Its exit status, when it has ended."""
        status = self.child.wait(60)
        self.listener.join(5)
        return status


@contextmanager
def running(settings: Settings, *command: str, **more: str) -> Iterator[Process]:
    """Python with these arguments and the settings of a function."""
    told = environment.variables(settings) | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"} | more
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "CRONNY_", "AWS_"))}
    child = subprocess.Popen(
        [sys.executable, "-u", *command],
        cwd=ROOT,
        env=kept | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "us-east-1"} | told,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout
    out, said = child.stdout, list[str]()
    listener = threading.Thread(target=lambda: said.extend(iter(out.readline, "")), daemon=True)
    listener.start()
    try:
        yield Process(child, said, listener)
    finally:
        child.kill()
        child.wait()
        listener.join(5)
        out.close()


def hosted(settings: Settings, function: str, event: Any, *moment: str) -> Any:
    """One invocation in a process of its own."""
    return running(settings, "-m", "tests.functions.hosted", function, json.dumps(event), *moment)


@pytest.fixture
def target() -> Iterator[Target]:
    with running_target() as target:
        yield target
        target.release.set()


@pytest.fixture
def world(services: Services, clock: SetClock, queue: Any, target: Target) -> World:
    """A schedule whose trigger is queued, and whose first job does not answer until the target is released."""
    world = World(services, clock, queue, target)
    world.set_job(world.first, job_input_value={"url": f"{target.url}/hang"}, job_timeout_in_secs=60)
    clock.instant = services.database.now()
    plan(services, clock.now())
    dispatch(services, clock.forward(11))
    # What happens in another process happens now, and not in the test's future.
    set_trigger(services, world.trigger().id, queued_at=services.database.now())
    return world


def pack(world: World) -> Any:
    return {"Records": [{"messageId": "1", "body": encode((TriggerId(world.trigger().id),))}]}


def test_an_executor_hands_back_what_it_cannot_end(world: World, settings: Settings) -> None:
    with hosted(settings, "executor", pack(world)) as process:
        wait_for("the call", 30, lambda: world.target.seen)
        process.stop()
        assert process.ended() == -signal.SIGTERM
    assert '"put_back":1' in "".join(process.said)
    assert "answered" in "".join(process.said)
    trigger = world.trigger()
    assert (trigger.status, trigger.attempt, trigger.crashes, trigger.lease_until) == ("scheduled", 1, 0, None)
    assert trigger.reason == "The executor was stopped while it ran job first; another attempt runs it again"
    assert trigger.next_attempt_at <= world.services.database.now()
    assert the_executions(world.services, trigger.id) == []
    world.set_job(world.first, job_input_value={"url": f"{world.target.url}/echo/first"})
    world.mend()
    world.clock.instant = world.services.database.now()
    dispatch(world.services, world.clock.forward(1))
    world.queue.packs = world.queue.packs[-1:]
    world.work()
    assert (world.trigger().status, world.trigger().attempt) == ("completed", 2)


def test_an_executor_lets_a_job_end_that_is_about_to_and_begins_no_other(world: World, settings: Settings) -> None:
    world.set_job(world.first, job_input_value={"url": f"{world.target.url}/wait"})
    with hosted(settings, "executor", pack(world), "60") as process:
        wait_for("the call", 30, lambda: world.target.seen)
        process.stop()
        process.wait_for("asked to stop")
        world.target.release.set()
        assert process.ended() == -signal.SIGTERM
    trigger = world.trigger()
    assert (trigger.status, trigger.reason) == (
        "scheduled",
        "The executor was stopped before job second; another attempt goes on from there",
    )
    assert [(one.job_name, one.status) for one in the_executions(world.services)] == [("first", "completed")]
    assert world.called() == ["/wait"]


def test_a_job_that_may_be_sent_once_only_is_left_to_its_lease(world: World, settings: Settings) -> None:
    world.set_job(world.first, delivery="at_most_once")
    with hosted(settings, "executor", pack(world)) as process:
        wait_for("the call", 30, lambda: world.target.seen)
        process.stop()
        assert process.ended() == -signal.SIGTERM
    trigger = world.trigger()
    assert (trigger.status, trigger.sending_job_id) == ("executing", world.first)
    assert len(world.target.seen) == 1


def test_a_creator_ends_its_tick_and_leaves(services: Services, settings: Settings, clock: SetClock) -> None:
    clock.instant = services.database.now()
    schedule = new_logger_schedule(services, schedule_value="1")
    with hosted(settings, "creator", {}) as process:
        wait_for("a trigger to be dispatched", 30, lambda: len(the_triggers(services, schedule)) > 1)
        process.stop()
        assert process.ended() == -signal.SIGTERM
    assert "creator leaves" in "".join(process.said)
    assert '"ticks":' in "".join(process.said)
    clock.instant = services.database.now()
    # There is no queue, so those beyond its user's share wait; whatever became of the others, one is planned.
    assert [(row.status, row.hold) for row in the_triggers(services, schedule)].count(("scheduled", None)) == 1


def test_a_cleaner_ends_its_batch_and_leaves(services: Services, settings: Settings, database: Database) -> None:
    with hosted(settings, "cleaner", {}) as process:
        with holding(database, "plans"):
            wait_for("the cleaner to wait", 60, lambda: waiting(database, "plans"))
            process.stop()
        assert process.ended() == -signal.SIGTERM
    assert "cleaned" in "".join(process.said)
    with services.database.begin() as connection:
        settled = connection.execute(cleaner_progress.select()).one().discarded_at
    assert settled > services.clock.now().replace(year=2000)


def test_a_request_is_answered_before_the_api_leaves(settings: Settings, database: Database) -> None:
    event = payload_2("GET", "/health/ready")
    with hosted(settings, "api", event) as process:
        with holding(database, "heartbeats"):
            wait_for("the api to wait", 60, lambda: waiting(database, "heartbeats"))
            process.stop()
        assert process.ended() == -signal.SIGTERM
    assert '"statusCode": 503' in "".join(process.said)
    assert '"status":503' in "".join(process.said).replace(" ", "")


def test_an_idle_api_writes_down_what_it_has_answered_before_it_leaves(services: Services, settings: Settings) -> None:
    events = [payload_2("GET", "/metrics")] * 3
    with hosted(settings, "api", events) as process:
        process.wait_for("waits")
        with services.database.begin() as connection:
            written = sum(each.count for each in tallying.read(connection))
        process.stop()
        assert process.ended() == -signal.SIGTERM
    with services.database.begin() as connection:
        assert {each.label for each in tallying.read(connection)} == {"GET /metrics 2xx"}
        assert written < sum(each.count for each in tallying.read(connection)) == len(events)


def test_an_api_in_the_foreground_writes_down_what_it_has_answered(services: Services, settings: Settings) -> None:
    port = free_port()
    with running(settings, "-m", "infra.local", "serve", "api", "--port", str(port)) as process:
        process.wait_for("in process")
        for _ in range(3):
            assert urlopen(f"http://127.0.0.1:{port}/metrics").status == 200
        process.stop()
        assert process.ended() == 0
    with services.database.begin() as connection:
        assert sum(each.count for each in tallying.read(connection)) == 3


def test_last_words_are_kept_where_somebody_else_minds_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _number: print)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        stopping.before_the_end(print)
        in_thread(lambda: stopping.before_the_end(print))
        assert signal.signal(signal.SIGTERM, before) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def holding(database: Database, table: str) -> Iterator[None]:
    """Nobody else gets at that table within the block, however long a process takes to come there."""
    with database.begin() as connection:
        connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def waiting(database: Database, table: str) -> bool:
    """Whether somebody waits for a lock on that table."""
    with database.begin() as connection:
        query = f"SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted"
        return bool(connection.exec_driver_sql(query).scalar_one())


@pytest.mark.parametrize("function", ["creator", "cleaner", "api"])
def test_a_function_in_the_foreground_stops_when_it_is_asked(
    services: Services, settings: Settings, function: str
) -> None:
    options = ["--port", str(free_port())] if function == "api" else []
    with running(settings, "-m", "infra.local", "serve", function, *options) as process:
        process.wait_for("in process")
        if function != "api":
            wait_for("a sign of life", 30, lambda: count(services, heartbeats, service=function))
        process.stop()
        assert process.ended() == 0


def test_an_executor_in_the_foreground_hands_back_what_it_cannot_end(world: World, settings: Settings) -> None:
    """Its handlers run in threads, which get no signals. Asked twice, it does not wait for what may yet end."""
    with one_message(pack(world)["Records"][0]["body"]) as (url, deleted):
        told = {"AWS_ENDPOINT_URL": url, "CRONNY_QUEUE_URL": f"{url}/queue"}
        with running(settings, "-m", "infra.local", "serve", "executor", **told) as process:
            wait_for("the call", 30, lambda: world.target.seen)
            process.stop()
            process.stop()
            assert process.ended() == 0
        assert deleted == ["handle"]
    assert world.trigger().status == "scheduled"
    assert "was stopped while it ran job first" in world.trigger().reason


@contextmanager
def one_message(body: str) -> Iterator[tuple[str, list[str]]]:
    """An SQS with a single message: its URL, and the receipt handles that were deleted."""
    waiting_for, deleted = [body], list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer: dict[str, Any] = {}
            if self.headers["X-Amz-Target"].endswith("DeleteMessage"):
                deleted.append(request["ReceiptHandle"])
            elif waiting_for:
                text = waiting_for.pop()
                digest = md5(text.encode()).hexdigest()
                answer = {
                    "Messages": [{"MessageId": "1", "ReceiptHandle": "handle", "Body": text, "MD5OfBody": digest}]
                }
            self._reply(json.dumps(answer).encode())

        def _reply(self, text: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", deleted
    finally:
        server.shutdown()
        server.server_close()


def test_what_hosts_handlers_in_threads_asks_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_of_the_process", threading.Event())
    seen: list[bool] = []

    def work() -> None:
        with stopping.graceful() as asked:
            seen.append(asked.is_set())
            stopping.ask_all()
            seen.append(asked.is_set())

    in_thread(work)
    assert seen == [False, True]


def in_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
