"""The Makefile and the script that continuous integration runs."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_help_is_the_default_and_lists_every_target() -> None:
    help_text = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (help .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert re.findall(r"^  make (\S+)", help_text, re.MULTILINE) == phony[1].split()


def test_every_target_of_the_list_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (help .*)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_continuous_integration_checks_and_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-2:] == ["make check", "make test"]


def test_every_sample_event_belongs_to_a_function() -> None:
    events = {file.stem for file in (ROOT / "infra" / "events").glob("*.json")}
    assert events == {"api", "creator", "executor", "cleaner", "migrate"}
