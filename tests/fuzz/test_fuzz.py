"""A short and always the same share of `make fuzz`: some requests to every operation, over real HTTP."""

import pytest

from shared.settings import Settings
from tests.fuzz.campaign import Run, run
from tests.fuzz.server import running_api


# Those of nobody mostly are 401 alike; an API key is for `make fuzz`.
@pytest.mark.parametrize(("who", "examples"), [("user", 2), ("nobody", 1)])
def test_every_operation_answers_as_the_document_says(settings: Settings, who: str, examples: int) -> None:
    with running_api(settings) as api:
        done = run(api.url, Run(api.token(who), "fuzzing", seed=1, examples=examples))
    assert "No issues found" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
