"""One run of schemathesis against a running API, as a user, with an API key, or as nobody."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

# Not: whether everything that the document does not allow is refused. Clients of the original API send codes, numbers
# as text and fields that nobody knows, and get what they always got. Nor whether all that it allows is accepted: a
# schema cannot say which cron expressions there are, or what belongs to whom.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ignored_auth",
)
# These end the session that the others run in.
ENDS_THE_SESSION = ("auth_log_out", "auth_change_password")
# No creator runs here, so that this is 503, as it should be.
UNREADY = ("health_ready",)
# It would call whatever URL comes to its mind.
CALLS_OUT = ("jobs_try_out",)


@dataclass(frozen=True)
class Run:
    """Who asks (a token, or nothing), in which phases, by which chance, how often each operation and for how long."""

    token: str
    phases: str
    seed: int
    examples: int
    seconds: int | None = None
    only: str = ""

    def options(self, url: str) -> list[str]:
        """The command line after the document's place."""
        left_out = (*UNREADY, *CALLS_OUT, *(ENDS_THE_SESSION if self.token else ()))
        return [
            *("--url", url, "--checks", ",".join(CHECKS), "--phases", self.phases),
            *("--seed", str(self.seed), "--max-examples", str(self.examples), "--continue-on-failure"),
            *("--suppress-health-check", "all", "--warnings", "off"),
            *(("--header", f"Authorization: Bearer {self.token}") if self.token else ()),
            *(("--max-time", str(self.seconds)) if self.seconds else ()),
            *(("--include-operation-id-regex", self.only) if self.only else ()),
            *(option for name in left_out for option in ("--exclude-operation-id", name)),
        ]


def run(url: str, asked: Run) -> subprocess.CompletedProcess[str]:
    """The process that has ended: 0 if nothing was found."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", *asked.options(url)]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True)
