"""The model: nothing is wrong in any state of the protocol, and every broken rule is found out."""

from dataclasses import fields

import pytest

from tests.faults.model.explore import explore
from tests.faults.model.mutants import LARGE, MUTANTS, SMALL, Mutant
from tests.faults.model.protocol import Config, Rules


@pytest.mark.parametrize("config", SMALL, ids=lambda config: config.name)
def test_nothing_is_wrong_in_any_state_of_a_small_world(config: Config) -> None:
    found = explore(config)
    assert found.wrong == "", str(found)
    assert found.states > 100


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_rule_is_found_out_with_a_shortest_trace(mutant: Mutant) -> None:
    found = explore(mutant.config, mutant.rules)
    assert mutant.finds in found.wrong, str(found)
    assert found.trace
    assert explore(mutant.config).wrong == ""


def test_every_rule_is_broken_by_a_mutant() -> None:
    broken = {field.name for mutant in MUTANTS for field in fields(Rules) if not getattr(mutant.rules, field.name)}
    assert broken == {field.name for field in fields(Rules)}


def test_worlds_have_names_of_their_own() -> None:
    assert len({config.name for config in (*SMALL, *LARGE)}) == len(SMALL) + len(LARGE)
