"""What must hold among the jobs of an action."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Fault
from shared.graph import faults, faults_of
from shared.job import JobInputType
from tests.shared.graphs import job


def test_a_chain_and_a_fork_are_fine() -> None:
    assert faults([job(1, 2, 3, root=True), job(2, 4), job(3, 4), job(4)]) == []


def test_no_jobs_and_no_root_are_fine_while_an_action_is_being_made() -> None:
    assert faults([]) == []
    assert faults([job(1)]) == []


def test_a_cycle_is_told_once_with_its_way() -> None:
    assert faults([job(1, 2, root=True), job(2, 3), job(3, 4, 2), job(4)]) == [
        Fault("jobs[1].condition", "a cycle: job-2 -> job-3 -> job-2")
    ]


def test_a_job_that_follows_itself_is_a_cycle() -> None:
    assert faults([job(1, 1, root=True)]) == [Fault("jobs[0].condition", "a cycle: job-1 -> job-1")]


def test_two_roots_are_one_too_many() -> None:
    assert [fault.field for fault in faults([job(1, root=True), job(2, root=True)])] == ["jobs[1].is_root_job"]


def test_names_tell_jobs_apart() -> None:
    assert [fault.field for fault in faults([job(1), job(2, name="job-1")])] == ["jobs[1].name"]


def test_a_condition_to_a_job_elsewhere_is_named_by_its_rule() -> None:
    assert faults([job(1, 2, 9), job(2)]) == [
        Fault("jobs[0].condition.condition_rules[1].job_id", "this action has no such job")
    ]


def test_a_fork_that_joins_and_a_job_for_failures_are_fine() -> None:
    assert (
        faults([job(1, root=True, fork=[2, 3], on_failure=5), job(2, 4), job(3, 4, on_failure=4), job(4), job(5)]) == []
    )


def test_what_a_fork_and_a_failure_lead_to_elsewhere_is_named() -> None:
    assert faults([job(1, fork=[2, 9], on_failure=8), job(2)]) == [
        Fault("jobs[0].condition.condition_rules[0].job_id[1]", "this action has no such job"),
        Fault("jobs[0].on_failure_job_id", "this action has no such job"),
    ]


def test_a_cycle_by_a_failure_is_one_too() -> None:
    assert faults([job(1, root=True, fork=[2, 3]), job(2), job(3, on_failure=1)]) == [
        Fault("jobs[0].condition", "a cycle: job-1 -> job-3 -> job-1")
    ]
    assert faults_of(job(3, on_failure=1), [job(1, 3, root=True)]) == [
        Fault("on_failure_job_id", "a cycle: job-3 -> job-1 -> job-3")
    ]


def test_faults_of_inputs_are_told_too() -> None:
    found = faults([job(1), job(2, kind=JobInputType.JOB_OUTPUT, value="job-2")])
    assert found == [Fault("jobs[1].job_input_value", "a job cannot take its own output")]


def test_one_job_is_judged_among_the_others_by_its_own_fields() -> None:
    others = [job(1, 2, root=True), job(2, 3)]
    assert faults_of(job(3, 1, 9, root=True), others) == [
        Fault("is_root_job", "job-1 is the root job already, and a chain begins only once"),
        Fault("condition.condition_rules[1].job_id", "this action has no such job"),
        Fault("condition", "a cycle: job-3 -> job-1 -> job-2 -> job-3"),
    ]
    assert faults_of(job(3), others) == []


EDGES = st.dictionaries(st.integers(1, 8), st.lists(st.integers(1, 8), max_size=3), max_size=8)


@given(EDGES)
def test_a_cycle_is_found_exactly_when_there_is_one_and_its_way_exists(edges: dict[int, list[int]]) -> None:
    jobs = [job(key, *(other for other in following if other in edges)) for key, following in edges.items()]
    found = faults(jobs)
    assert bool(found) is _has_cycle(edges)
    for fault in found:
        way = [int(name.removeprefix("job-")) for name in fault.message.removeprefix("a cycle: ").split(" -> ")]
        assert way[0] == way[-1]
        assert all(after in edges[before] for before, after in pairwise(way))


def _has_cycle(edges: dict[int, list[int]]) -> bool:
    """By taking away jobs that nothing follows until none is left."""
    left = {key: {other for other in following if other in edges} for key, following in edges.items()}
    while ends := [key for key, following in left.items() if not following & left.keys()]:
        for key in ends:
            del left[key]
    return bool(left)
