"""`python -m tests.fuzz --seed 1 --minutes 30`: as a user, with an API key and as nobody, a third of the time each.

What the API logs meanwhile is in build/fuzz/api.log, what schemathesis says of each run beside it. Exits with 1 when
anything was found.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from infra.local.postgres import EmbeddedPostgres
from shared.settings import Settings
from tests.conftest import server_settings
from tests.databases import Databases, make_template
from tests.fuzz.campaign import ROOT, Run, run
from tests.fuzz.server import running_api

PHASES = "examples,coverage,fuzzing,stateful"
WHO = ("user", "key", "nobody")
REPORTS = ROOT / "build" / "fuzz"


def main() -> int:
    """How many of the runs found something."""
    asked = _asked()
    REPORTS.mkdir(parents=True, exist_ok=True)
    with _server() as server:
        return sum(_found(server, who, asked.seed, asked.minutes * 60 // len(WHO)) for who in WHO)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=1, help="the same one asks the same again")
    parser.add_argument("--minutes", type=int, default=30, help="for how long")
    return parser.parse_args()


@contextmanager
def _server() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as home:
        postgres = EmbeddedPostgres(Path(home), fsync=False)
        settings = server_settings(postgres.start())
        try:
            make_template(settings)
            yield settings
        finally:
            postgres.destroy()


def _found(server: Settings, who: str, seed: int, seconds: int) -> bool:
    """Each run has a database of its own, so that it does not depend on the others."""
    report, log, began = REPORTS / f"{who}.txt", REPORTS / "api.log", time.monotonic()
    with log.open("a") as lines, redirect_stderr(lines), Databases(server).lend() as settings:
        logging.disable(logging.WARNING)
        with redirect_stdout(lines), running_api(settings) as api:
            done = run(api.url, Run(api.token(who), PHASES, seed, examples=100, seconds=seconds))
    report.write_text(done.stdout + done.stderr)
    what = "nothing was found" if done.returncode == 0 else f"see {report.relative_to(ROOT)}"
    print(f"as {who}: {_cases(done.stdout)}, in {time.monotonic() - began:.0f} s; {what}", flush=True)
    return done.returncode != 0


def _cases(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if " generated, " in line), "no cases")


if __name__ == "__main__":
    sys.exit(min(main(), 1))
