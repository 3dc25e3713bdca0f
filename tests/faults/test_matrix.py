"""A few cells of campaign A, side by side; ``make chaos`` runs all of them."""

from collections import Counter
from itertools import product

import pytest

from shared.failpoints import FAULTS, POINTS
from shared.settings import Settings
from tests.faults.matrix import cells, run_all, sample

pytestmark = pytest.mark.chaos


def test_every_point_meets_every_fault() -> None:
    assert Counter((cell.point, cell.fault) for cell in cells()) == Counter(product(POINTS, FAULTS))
    assert {cell.function for cell in cells()} == {"creator", "executor", "cleaner"}


def test_whatever_fails_wherever_every_occurrence_is_decided_once_and_ends(server: Settings) -> None:
    wanted = sample(seed=1)
    assert {cell.fault for cell in wanted} == set(FAULTS)
    outcomes = run_all(server, wanted, at_once=len(wanted), tell=lambda _outcome: None)
    assert {str(outcome.cell): outcome.account.faults for outcome in outcomes if not outcome.good} == {}
    assert all(outcome.account.decided == outcome.account.expected > 0 for outcome in outcomes)
