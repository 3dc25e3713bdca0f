"""A short and always the same share of `make fuzz`: some requests to every operation, over real HTTP."""

import pytest

from shared.settings import Settings
from tests.fuzz.campaign import Run, run
from tests.fuzz.server import running_api

FEW = 4


@pytest.mark.parametrize("who", ["user", "key", "nobody"])
def test_every_operation_answers_as_the_document_says(settings: Settings, who: str) -> None:
    with running_api(settings) as api:
        token = {"user": api.token, "key": api.key, "nobody": str}[who]()
        done = run(api.url, Run(token, "examples,fuzzing", seed=1, examples=FEW))
    assert "No issues found" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
