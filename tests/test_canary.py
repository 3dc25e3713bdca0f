"""A canary: secrets that are used in every way, and then looked for in every row, every log line and every answer."""

import base64
import json
import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from sqlalchemy import Connection, Engine, text

from chalicelib.application import build
from functions import cleaner, creator, executor
from functions.logs import logger
from shared import wiring
from shared.queue import encode
from shared.services import Services
from tests.chalicelib.client import BASE, Answered, Client
from tests.fakes import RecordedQueue, SetClock
from tests.functions.lambda_context import Context
from tests.functions.test_executor import sqs_event
from tests.targets import Target

# One that fits everywhere, and one that is spelled differently wherever it goes.
TOKEN, NASTY = "Cnry-7f3a9bd1e5", 'cnry"8e2c/9b &=+<ä>{\\}'
PASSWORD, HOOK_END = "Cnry#55aa%41", "Cnry77hookhook"
# Typed into a job where a secret should be named: its definition has it, and nothing else may.
TYPED = "Cnry-typed-4242"


def spellings(value: str) -> set[str]:
    """What to look for, in lower case."""
    once = [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    twice = [json.dumps(each)[1:-1] for each in once]
    urls = [quote(value), quote(value, safe=""), quote_plus(value), quote(value, safe="/&=+")]
    plain = {value, escape(value), value.encode().hex(), value.encode().decode("latin-1"), *once, *twice, *urls}
    return {each.lower() for each in plain} | {each.lower() for each in in_base64(value.encode())}


def in_base64(data: bytes) -> Iterator[str]:
    """The middle of it at each of the three places where it may begin."""
    for offset in range(3):
        whole = base64.b64encode(bytes(offset) + data).decode()
        middle = whole[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        yield from (middle, middle.replace("+", "-").replace("/", "_"))


def hits(needles: Iterable[str], places: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Where any spelling of any of them stands: the place, and the spelling."""
    wanted = {spelling for needle in needles for spelling in spellings(needle)}
    return [(place, spelling) for place, hay in places for spelling in wanted if spelling in hay.lower()]


def every_column(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every value of every column of every table, as text; bytes as Latin-1."""
    columns = """
        SELECT c.table_schema, c.table_name, c.column_name, c.data_type FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
    """
    for schema, table, column, kind in connection.execute(text(columns)).all():
        shown = f'"{column}"' if kind == "bytea" else f'"{column}"::text'
        for value in connection.execute(text(f'SELECT {shown} FROM "{schema}"."{table}"')).scalars():
            if value is not None:
                yield f"{table}.{column}", value.decode("latin-1") if isinstance(value, bytes) else value
            if value is not None and kind == "jsonb":
                yield f"{table}.{column}", "\n".join(texts_in(json.loads(value)))


def texts_in(value: Any) -> Iterator[str]:
    """The texts and names within JSON, as a reader has them."""
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_in(item)
    if isinstance(value, str):
        yield value


class Lines(logging.Handler):
    """Every record of every logger, with all that it carries, its stack included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        stack = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(("log", f"{record.getMessage()} {record.__dict__} {stack}"))


@dataclass(frozen=True)
class Listening(Client):
    """A client that remembers what it was answered."""

    heard: list[tuple[str, str]] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any = None, query: Any = None) -> Answered:
        answer = super().send(method, path, body, query)
        self.heard.append((f"{method} {path}", f"{answer.headers} {answer.text}"))
        return answer


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    # The functions' own loggers are made first, because that takes away the handlers that are there.
    of_functions = [logger(name)._logger for name in ("api", "creator", "executor", "cleaner")]
    named = [logging.getLogger(), logging.getLogger("cronny"), *of_functions]
    levels = [each.level for each in named]
    for each in named:
        each.addHandler(handler)
        each.setLevel(logging.DEBUG)
    yield handler
    for each, level in zip(named, levels, strict=True):
        each.removeHandler(handler)
        each.setLevel(level)


class World:
    """A user with secrets, whose jobs use them in every way, all of which has run once."""

    def __init__(self, services: Services, queue: RecordedQueue, clock: SetClock, target: Target) -> None:
        self.services, self.queue, self.clock, self.url = services, queue, clock, target.url
        nobody = Listening(build(lambda: services))
        account = {"username": "ada", "email": "ada@example.org", "password": "correct horse battery"}
        token = nobody.post("auth/register", account).json["token"]
        self.ada = Listening(nobody.app, {"authorization": f"Bearer {token}"})
        self.keep_secrets()
        self.jobs = 0
        self.make_jobs()

    def keep_secrets(self) -> None:
        hook = f"{self.url}/mirror/500/{HOOK_END}"
        values = {"TOKEN": TOKEN, "NASTY": NASTY, "PASSWORD": PASSWORD, "HOOK": hook}
        for name, value in values.items():
            keyed = self.ada.sending(idempotency_key=f"key of {name}")
            for _ in range(2):
                assert keyed.post("secrets", {"name": name, "value": value}).status == 201
        # And in all the wrong ways.
        for name, wrong in ((TOKEN, NASTY), ("TOKEN", NASTY), ("X", [TOKEN]), (NASTY, "x")):
            assert self.ada.post("secrets", {"name": name, "value": wrong}).status in (409, 422)
        assert self.ada.post("secrets", f'{{"name": "X", "value": "{TOKEN}').status == 400
        (first, *_) = self.ada.get("secrets", q="token").json["secrets"]
        assert self.ada.put(f"secrets/{first['id']}", {"value": TOKEN, "description": "again"}).status == 200
        self.ada.sending(if_match='"old"').put(f"secrets/{first['id']}", {"value": TOKEN})

    def job(self, job_input: Any, job_type: str = "http", **fields: Any) -> int:
        """A job in an action with a schedule of its own; the action's id."""
        self.jobs += 1
        action = int(self.ada.post("actions", {"name": f"action {self.jobs}"}).json["action"]["id"])
        self.step(action, f"job {self.jobs}", job_input, job_type, **fields)
        every = {"schedule_type": 2, "schedule_value": 10, "schedule_unit": "minute"}
        assert self.ada.post("schedules", {"name": "s", "action_id": action, **every}).status == 201
        return action

    def step(self, action: int, name: str, job_input: Any, job_type: str, **fields: Any) -> int:
        """One more job of an action; its id."""
        body = {"name": name, "action_id": action, "job_type": job_type, "job_input_value": job_input, **fields}
        answer = self.ada.post("jobs", body)
        assert answer.status == 201, answer.text
        return int(answer.json["job"]["id"])

    def make_jobs(self) -> None:
        everywhere = {
            "method": "POST",
            "query": {"token": "{{ secrets.TOKEN }}", "nasty": "{{ secrets.NASTY }}"},
            "headers": {"X-Token": "{{ secrets.TOKEN }}", "X-Mixed": "a{{secrets.TOKEN}}b"},
            "request_body": {"a": ["{{ secrets.NASTY }}"], "b": "{{ secrets.TOKEN }} and {{ secrets.NASTY }}"},
        }
        basic = {"type": "basic", "username": "us", "password": "{{ secrets.PASSWORD }}"}
        bearer = {"type": "bearer", "token": "{{ secrets.TOKEN }}"}
        template = {"job_input_type": "job_input_as_template"}
        for path in ("/echo/{{ secrets.TOKEN }}", "/mirror/200/{{ secrets.TOKEN }}", "/mirror/500/{{ secrets.TOKEN }}"):
            self.job({"url": self.url + path, "auth": basic, **everywhere})
            self.job({"url": self.url + path, "auth": bearer, **everywhere}, **template)
        self.job({"url": self.url + "/echo", "expected_status": 404, **everywhere}, retry={"max_attempts": 3})
        # Hosts and URLs that lead nowhere, and say so.
        self.job({"url": "https://{{secrets.TOKEN}}.invalid/x"})
        self.job({"url": "http://127.0.0.1:1/{{ secrets.TOKEN }}"}, delivery="at_most_once")
        self.job({"url": "http://10.0.0.1/{{ secrets.TOKEN }}"})
        self.job({"url": "{{ secrets.NASTY }}"})
        self.job({"url": self.url, "headers": {"X": "{{ secrets.TOKEN }}\n"}}, **template)
        self.job({"url": self.url, "expected_status": "{{ secrets.TOKEN }}", "method": "GET"})
        self.job({"url": self.url + "/hang/{{ secrets.TOKEN }}"}, job_timeout_in_secs=1)
        # Cut in the middle of a secret: the answer's body, Slack's words, the log's line.
        for position in (3, 7, 12):
            big = {"method": "POST", "request_body": "x" * (65536 - position) + "{{ secrets.TOKEN }}"}
            self.job({"url": self.url + "/body?type=text/plain", **big})
            said = {"message": "x" * (178 - position) + "{{ secrets.TOKEN }}"}
            self.job({"webhook_url": "{{ secrets.HOOK }}", **said}, "slack")
            self.job({"message": "x" * (8180 - position) + "{{ secrets.TOKEN }}"}, "logger")
        self.job({"message": {"a": "{{ secrets.NASTY }}", "{{ secrets.TOKEN }}": 1}}, "logger", **template)
        self.job({"message": "{{ schedule }} {{ trigger }} {{ jobs }}"}, "logger", **template)
        # Typed in, where a secret should be named.
        self.job({"url": self.url + "/mirror/500/x", "auth": {"type": "bearer", "token": TYPED}})
        self.job({"url": self.url + "/echo", "headers": {"Authorization": "Basic " + in_header("us", TYPED)}})
        self.job({"url": self.url + "/echo", "auth": {"type": "basic", "username": "us", "password": TYPED}})
        self.job({"webhook_url": f"{self.url}/mirror/500/{TYPED}", "message": "hello"}, "slack")
        self.make_chain(everywhere)

    def make_chain(self, everywhere: Any) -> None:
        """What one job was answered is what the next one sends."""
        action = self.job({"url": self.url + "/echo/{{ secrets.TOKEN }}", **everywhere})
        (first,) = self.ada.get("jobs", action_id=action).json["jobs"]
        taking = {"message": "{{ jobs.first.output.body }} {{ jobs.first.output.headers }}"}
        fields = {"is_root_job": False, "job_input_type": "job_input_as_template"}
        second = self.step(action, "second", taking, "logger", **fields)
        filters = [{"name": "body.path", "comparison_type": "contains", "value": "echo"}]
        condition = {"version": 1, "condition_rules": [{"filters": filters, "job_id": second}]}
        assert self.ada.put(f"jobs/{first['id']}", {"name": "first", "condition": condition}).status == 200

    def run(self) -> None:
        """Everything once, by the functions themselves; what failed once more, with an edited input."""
        self.fire(601)
        letters = self.ada.get("dead_letters", limit=200).json["dead_letters"]
        assert len(letters) > 10
        edited = {
            "url": self.url + "/mirror/503/{{ secrets.TOKEN }}",
            "auth": {"type": "basic", "username": "us", "password": "{{ secrets.PASSWORD }}"},
        }
        for letter in letters:
            self.ada.post(f"triggers/{letter['id']}/retry", {"job_input": edited})
        self.fire(5)
        cleaner.handler({}, Context())
        self.try_out()

    def try_out(self) -> None:
        """Every job by its test button, and its input as a preview."""
        for action in self.ada.get("actions", limit=200).json["actions"]:
            for job in self.ada.get("jobs", action_id=action["id"]).json["jobs"]:
                assert self.ada.post(f"jobs/{job['id']}/test").status == 200
                assert self.ada.post("jobs/preview", {"job_id": job["id"]}).status in (200, 422)
                # Three at once, and three a second.
                self.clock.forward(1)
        (first, *_) = self.ada.get("jobs", action_id=action["id"]).json["jobs"]
        given = {"url": self.url + "/mirror/500/{{ secrets.TOKEN }}", "query": {"a": "{{ secrets.NASTY }}"}}
        assert self.ada.post(f"jobs/{first['id']}/test", {"input": given}).json["outcome"]["status"] == "failed"

    def fire(self, seconds: float) -> None:
        creator.handler({"ticks": 1}, Context())
        self.clock.forward(seconds)
        creator.handler({"ticks": 1}, Context())
        packs, self.queue.packs = self.queue.packs, []
        # One message, so that all of it runs side by side.
        together = tuple(trigger_id for pack in packs for trigger_id in pack)
        executor.handler(sqs_event(encode(together)), Context())

    def read_everything(self, engine: Engine) -> None:
        """Every route that reads, with every id that there is."""
        tables = {"template": "job_templates", "execution": "job_executions", "key": "api_keys"}
        for pattern, methods in self.ada.app.routes.items():
            if "GET" not in methods:
                continue
            name = re.search(r"\{(\w+)_id\}", pattern)
            path = pattern.removeprefix(f"{BASE}/") if pattern.startswith(BASE) else "/" + pattern
            if name is None:
                self.ada.get(path, limit=200) if path != "jobs" else None
                continue
            table = tables.get(name[1], f"{name[1]}s")
            # Of what is defined a few suffice; of what happened, all.
            few = 3 if table in ("schedules", "actions", "job_templates") else 1000
            with engine.begin() as connection:
                keys = connection.execute(text(f"SELECT id FROM {table} ORDER BY id DESC LIMIT {few}")).scalars().all()
            for key in keys:
                self.ada.get(path.replace(name[0], str(key)), at="2030-01-01T00:00:00Z", count=2)
        for action in self.ada.get("actions", limit=200).json["actions"]:
            self.ada.get("jobs", action_id=action["id"])


def in_header(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def world(
    services: Services,
    queue: RecordedQueue,
    clock: SetClock,
    target: Target,
    lines: Lines,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(wiring, "services", lambda: services)
    return World(services, queue, clock, target)


@pytest.mark.usefixtures("sound")
def test_no_secret_is_in_any_row_any_log_line_or_any_answer(
    world: World, engine: Engine, lines: Lines, target: Target, key_file: Path
) -> None:
    world.run()
    world.read_everything(engine)
    # They were used: targets have them all, in every place.
    asked = str(target.seen)
    assert all(value in asked for value in (TOKEN, "cnry", in_header("us", PASSWORD), HOOK_END, TYPED))
    with engine.begin() as connection:
        rows = list(every_column(connection))
        ended = connection.execute(text("SELECT status FROM job_executions")).scalars().all()
        assert connection.execute(text("SELECT count(*) FROM secrets WHERE last_used_at IS NOT NULL")).scalar_one() == 4
    assert ended.count("completed") > 15
    assert ended.count("failed") >= 20
    assert len(world.ada.heard) > 200
    assert len(lines.lines) > 100
    everything = [*rows, *lines.lines, *world.ada.heard]
    assert sum("[redacted]" in hay for _, hay in everything) > 50
    assert hits((TOKEN, NASTY, PASSWORD, HOOK_END), everything) == []
    # What was typed in stands where it was typed in, and in answers that show just that.
    of_jobs = re.compile(r"jobs\.|POST jobs$|GET jobs|GET actions|PUT jobs")
    assert hits([TYPED], [each for each in everything if not of_jobs.match(each[0])]) == []
    keys = [line.encode() for line in key_file.read_text().split()]
    data_keys = [plain for plain, _ in world.services.vault._kept.values()]
    assert data_keys
    for key in (*map(base64.b64decode, keys), *data_keys):
        assert hits([key.hex(), base64.b64encode(key).decode()], everything) == []
        assert key.decode("latin-1") not in str(dict.fromkeys(hay for _, hay in everything))


@pytest.fixture
def nobody(services: Services) -> Listening:
    """Somebody who has not signed in."""
    return Listening(build(lambda: services))


def test_the_search_would_find_one_in_any_row(engine: Engine) -> None:
    """Planted in text, in JSON, in a name within JSON, and in bytes, in each spelling."""
    plant = text(
        "INSERT INTO job_templates (name, job_type, description, input_schema, default_input)"
        " VALUES (:name, 'http', :text, CAST(:value AS jsonb), CAST(:key AS jsonb))"
    )
    known = text("INSERT INTO login_failures (key, failures) VALUES (:key, 1)")
    with engine.begin() as connection:
        assert hits([NASTY], every_column(connection)) == []
        for spelling in spellings(NASTY):
            row = {"value": json.dumps([f"x{spelling}y"]), "key": json.dumps({f"x{spelling}y": 1})}
            connection.execute(plant, {"name": f"n{spelling}", "text": f"x{spelling}y", **row})
            connection.execute(known, {"key": f"x{spelling}y".encode("latin-1")})
        found = hits([NASTY], every_column(connection))
    assert len(spellings(NASTY)) > 15
    columns = ("name", "description", "input_schema", "default_input")
    for place in (*(f"job_templates.{column}" for column in columns), "login_failures.key"):
        assert {spelling for where, spelling in found if where == place} == spellings(NASTY), place


def test_the_search_would_find_one_in_a_log_line_or_an_answer(lines: Lines, nobody: Listening) -> None:
    log = logging.getLogger("cronny.planted")
    log.info("one %s", TOKEN)
    log.info("two", extra={"carried": {"deep": [in_header("user", NASTY)]}})
    log.error("three", exc_info=ValueError(json.dumps(NASTY)))
    assert len({line for _, line in lines.lines if hits([TOKEN, NASTY], [("log", line)])}) == 3
    nobody.post("auth/register", {"username": TOKEN, "email": "a@example.org", "password": "correct horse battery"})
    assert hits([TOKEN], nobody.heard)
