"""Functions and their limits, as template.yaml declares them."""

from infra.local.__main__ import FUNCTIONS
from infra.local.context import Context
from infra.local.deploy import FUNCTIONS as DEPLOYED
from infra.local.handlers import declared, timeout


def test_the_command_line_the_deployment_and_the_template_know_the_same_functions() -> None:
    assert set(FUNCTIONS) == set(DEPLOYED) == set(declared())


def test_a_context_counts_down_from_the_functions_timeout() -> None:
    context = Context("cronny-cleaner", timeout("cleaner"))
    assert 59_000 < context.get_remaining_time_in_millis() <= 60_000
    assert Context("cronny-cleaner", -1).get_remaining_time_in_millis() == 0
