"""Where a job's input comes from."""

from datetime import UTC, datetime

import pytest

from shared import inputs
from shared.action import JobGraph
from shared.errors import Fault, Invalid
from shared.job import Job, JobId, JobInputType, JsonValue
from shared.outcome import JobExecution, Outcome
from tests.shared.graphs import job

THEN = datetime(2026, 1, 1, tzinfo=UTC)
FETCH = job(1, 2, name="fetch", root=True)


def taking(value: JsonValue) -> Job:
    return job(2, kind=JobInputType.JOB_OUTPUT, value=value, name="store")


def filled(value: JsonValue) -> Job:
    return job(2, kind=JobInputType.TEMPLATE, value=value)


def ended(one: Job, output: JsonValue) -> dict[JobId, JobExecution]:
    return {one.id: JobExecution(one.id, one.name, one.job_type, None, Outcome.completed(output), THEN, THEN)}


def made(one: Job, output: JsonValue = None) -> JsonValue:
    return inputs.job_input(one, JobGraph((FETCH, one)), ended(FETCH, output), {"now": "today"})


def faults(one: Job) -> list[Fault]:
    return inputs.check(one, JobGraph((FETCH, one)))


def test_a_static_input_is_taken_as_written() -> None:
    assert made(job(2, value={"message": "{{ now }}"})) == {"message": "{{ now }}"}


def test_a_template_is_filled_in() -> None:
    assert made(filled({"message": "{{ now }}"})) == {"message": "today"}


@pytest.mark.parametrize(
    "name", [{"job_id": 1}, {"job_id": "1"}, {"job": "fetch"}, {"job_id": None, "job": 1}, 1, "1", "fetch"]
)
@pytest.mark.parametrize("output", [{"a": 1}, [1], "text", None])
def test_another_job_s_output_is_taken_whatever_it_is(name: JsonValue, output: JsonValue) -> None:
    assert made(taking(name), output) == output
    assert faults(taking(name)) == []


def test_a_name_wins_over_an_id_that_is_written_alike() -> None:
    named = job(3, name="1")
    graph = JobGraph((FETCH, named, taking("1")))
    assert inputs.source(taking("1"), graph) == named


def test_a_job_that_did_not_run_in_this_trigger_has_no_output_to_take() -> None:
    one = taking("fetch")
    with pytest.raises(Invalid, match="it takes the output of fetch, which did not run before it"):
        inputs.job_input(one, JobGraph((FETCH, one)), {}, {})


def test_a_job_that_is_gone_has_no_output_to_take() -> None:
    with pytest.raises(Invalid, match="not of this action any more"):
        made(taking("gone"))


@pytest.mark.parametrize("value", [None, "", {}, [], True, {"job_id": True}, {"job": ["a"]}, 1.5])
def test_a_source_that_is_not_named_is_a_fault(value: JsonValue) -> None:
    assert [fault.field for fault in faults(taking(value))] == ["job_input_value"]
    with pytest.raises(Invalid):
        made(taking(value))


def test_the_source_must_be_another_job_of_the_action() -> None:
    assert faults(taking("gone")) == [
        Fault("job_input_value", "it takes the output of a job that is not of this action")
    ]
    assert faults(taking("store")) == [Fault("job_input_value", "a job cannot take its own output")]


@pytest.mark.parametrize(
    ("template", "field"),
    [
        ({"a": ["{{ x. }}"]}, "job_input_value.a[0]"),
        (["{{ x. }}"], "job_input_value[0]"),
        ("{{ x. }}", "job_input_value"),
    ],
)
def test_faults_of_a_template_are_named_from_the_job(template: JsonValue, field: str) -> None:
    assert [fault.field for fault in faults(filled(template))] == [field]


def test_a_static_input_has_no_faults_of_its_own() -> None:
    assert faults(job(2, value="{{ x.")) == []


def test_jobs_that_wrap_each_other_s_outputs_stop_before_it_gets_too_deep() -> None:
    deep: JsonValue = 1
    for _ in range(200):
        deep = {"message": deep}
    with pytest.raises(Invalid, match="nested too deeply"):
        made(taking("fetch"), deep)


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        ({"a": 1}, JobInputType.STATIC, {"a": 1}),
        ('{"a": 1}', JobInputType.STATIC, {"a": 1}),
        ("5", JobInputType.JOB_OUTPUT, 5),
        ("fetch", JobInputType.JOB_OUTPUT, "fetch"),
        ("hello", JobInputType.STATIC, "hello"),
        ("{{ jobs.fetch.output }}", JobInputType.TEMPLATE, "{{ jobs.fetch.output }}"),
    ],
)
def test_old_clients_send_json_as_text(value: JsonValue, kind: JobInputType, read: JsonValue) -> None:
    assert inputs.parse(value, kind) == read


def test_text_that_sets_out_to_be_json_must_be_json() -> None:
    with pytest.raises(Invalid, match=r"job_input_value: this is not JSON$"):
        inputs.parse('{"a": 1', JobInputType.STATIC)
    with pytest.raises(Invalid, match=r"put \{\{ }} inside quotes"):
        inputs.parse('{"a": {{ now }} }', JobInputType.TEMPLATE)
