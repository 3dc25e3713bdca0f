"""The examples of docs/api.md are inputs that their job types take."""

import json
import re
from pathlib import Path

import pytest

import app
from shared.manage.jobs import input_faults

DOCS = (Path(app.__file__).parent / "docs" / "api.md").read_text("utf-8")
TYPES = {"sqs and sns": "sqs"}


def examples() -> list[tuple[str, str]]:
    """Each JSON example with the type whose section it is in."""
    chapter = DOCS.split("\n## Job types\n")[1].split("\n## ")[0]
    sections = re.findall(r"^### (.+?)$(.*?)(?=^### |\Z)", chapter, re.MULTILINE | re.DOTALL)
    found = [(TYPES.get(name, name), re.findall(r"```json\n(.*?)```", text, re.DOTALL)) for name, text in sections]
    return [(name, example) for name, blocks in found if name != "Into AWS" for example in blocks]


def test_most_types_have_an_example() -> None:
    assert {name for name, _ in examples()} == {
        *("http", "docker-registry", "lambda", "sqs", "eventbridge", "ecs", "email")
    }


@pytest.mark.parametrize(("job_type", "example"), examples(), ids=[name for name, _ in examples()])
def test_every_example_suits_its_type(job_type: str, example: str) -> None:
    assert input_faults(json.loads(example), job_type) == []
