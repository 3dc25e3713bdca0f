"""In which order the jobs of an action run, and which of them do not run any more."""

from hypothesis import given
from hypothesis import strategies as st

from shared.action import JobGraph
from shared.job import Job, JobId
from shared.route import Route
from tests.shared.graphs import job


def run(
    *jobs: Job,
    fails: tuple[int, ...] = (),
    aside: tuple[int, ...] = (),
    settled: tuple[int, ...] = (),
    tried: tuple[int, ...] = (),
) -> list[int]:
    """The ids of the jobs in the order in which they have their turns; each leads to all that its condition names."""
    route = Route(JobGraph(jobs), {JobId(one) for one in settled}, {JobId(one) for one in tried})
    route.begin(jobs[0])
    order: list[int] = []
    while (at := route.next()) is not None:
        order.append(at.id)
        if at.id in aside:
            route.put_aside(at)
        elif at.id in fails:
            assert route.failed(at) == []
        else:
            assert route.completed(at, at.condition_leads_to) == []
    return order


DIAMOND = (job(1, fork=[2, 3]), job(2, 4), job(3, 5), job(5, 4), job(4, 6), job(6))


def test_a_chain_runs_in_its_order() -> None:
    assert run(job(1, 2), job(2, 3), job(3)) == [1, 2, 3]


def test_a_fork_runs_in_the_order_in_which_it_was_led_to_and_is_joined_once_all_have_ended() -> None:
    assert run(*DIAMOND) == [1, 2, 3, 5, 4, 6]


def test_a_join_waits_also_for_what_was_not_begun_yet_but_may_lead_there() -> None:
    assert run(job(1, fork=[4, 2]), job(2, 3), job(3, 4), job(4)) == [1, 2, 3, 4]


def test_a_failure_ends_its_way_and_no_other() -> None:
    assert run(job(1, fork=[2, 3]), job(2, 4), job(3, 5), job(4), job(5), fails=(2,)) == [1, 2, 3, 5]


def test_a_join_does_not_run_without_one_that_failed() -> None:
    assert run(*DIAMOND, fails=(2,)) == [1, 2, 3, 5]
    assert run(*DIAMOND, fails=(5,)) == [1, 2, 3, 5]


def test_a_failure_leads_to_the_job_that_is_named_for_it() -> None:
    jobs = (job(1, 2), job(2, 3, on_failure=4), job(3), job(4, 5), job(5))
    assert run(*jobs) == [1, 2, 3]
    assert run(*jobs, fails=(2,)) == [1, 2, 4, 5]


def test_what_runs_after_a_failure_may_lead_back_to_the_join() -> None:
    jobs = (job(1, fork=[2, 3]), job(2, 4, on_failure=5), job(3, 4), job(5, 4), job(4))
    assert run(*jobs, fails=(2,)) == [1, 2, 3, 5, 4]
    assert run(*jobs, fails=(2, 5)) == [1, 2, 3, 5]


def test_several_failures_may_lead_to_one_job_which_runs_once() -> None:
    jobs = (job(1, fork=[2, 3]), job(2, on_failure=4), job(3, on_failure=4), job(4))
    assert run(*jobs, fails=(2, 3)) == [1, 2, 3, 4]


def test_a_job_may_run_after_success_and_after_failure() -> None:
    jobs = (job(1, 2, on_failure=2), job(2))
    assert run(*jobs) == run(*jobs, fails=(1,)) == [1, 2]


def test_a_failure_elsewhere_does_not_stop_what_another_failure_leads_to() -> None:
    jobs = (job(1, fork=[2, 3]), job(2, on_failure=4), job(3, 4), job(4))
    assert run(*jobs, fails=(2, 3)) == [1, 2, 3, 4]


def test_what_is_left_to_another_attempt_holds_up_only_what_it_may_lead_to() -> None:
    assert run(*DIAMOND, aside=(2,)) == [1, 2, 3, 5]
    jobs = (job(1, fork=[2, 3]), job(2, on_failure=4), job(3, 4), job(4))
    assert run(*jobs, aside=(2,)) == [1, 2, 3]


def test_what_failed_in_earlier_attempts_comes_last() -> None:
    assert run(job(1, fork=[2, 3, 4]), job(2), job(3), job(4), tried=(2, 3)) == [1, 4, 2, 3]


def test_what_is_settled_since_an_earlier_attempt_comes_first() -> None:
    assert run(job(1, fork=[2, 3, 4]), job(2), job(3), job(4), settled=(3, 4), tried=(2, 3)) == [1, 4, 3, 2]


def test_a_circle_has_no_next_job_and_is_found() -> None:
    jobs = (job(1, fork=[2, 3]), job(2, 3), job(3, 2))
    route = Route(JobGraph(jobs))
    route.begin(jobs[0])
    route.completed(jobs[0], jobs[0].condition_leads_to)
    assert route.next() is None
    assert route.stuck == jobs[1]


EDGES = st.dictionaries(st.integers(1, 9), st.sets(st.integers(2, 10), max_size=4), max_size=9)


@given(EDGES, st.sets(st.integers(1, 10)), st.sets(st.integers(1, 10)))
def test_in_any_graph_each_job_has_one_turn_after_all_that_led_to_it(
    edges: dict[int, set[int]], fails: set[int], tried: set[int]
) -> None:
    following = {key: sorted(other for other in edges.get(key, ()) if other > key) for key in range(1, 11)}
    jobs = [job(key, fork=following[key]) for key in following]
    order = run(*jobs, fails=tuple(fails), tried=tuple(tried))
    assert len(order) == len(set(order))
    completed = [key for key in order if key not in fails]
    for key in order[1:]:
        before = [other for other in order if key in following[other]]
        assert before, "something led there"
        assert all(order.index(other) < order.index(key) and other in completed for other in before)
    lost: set[int] = set()
    for key in range(1, 11):
        if any(key in following[other] for other in (fails & set(order)) | lost):
            lost.add(key)
    assert set(order) == {1} | {other for key in completed for other in following[key]} - lost
