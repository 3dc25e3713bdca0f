"""The ecs job type: against moto's cluster, and against an endpoint that answers as ECS does."""

import json
from typing import Any

import pytest

from shared.outcome import FailureKind, Outcome
from shared.runners import ecs
from shared.runners.aws import Aws, AwsRunner
from tests.shared.runners.clouds import arn, aws, broken, credentials, nowhere, opened, own_client
from tests.shared.runners.conftest import within
from tests.targets import Target

__all__ = ["aws", "broken", "credentials"]

CLUSTER, DEFINITION = arn("ecs", "cluster/jobs"), arn("ecs", "task-definition/report:1")


def started(aws: Aws, **fields: Any) -> Outcome:
    given = {"cluster_arn": CLUSTER, "task_definition_arn": DEFINITION, "subnets": ["subnet-1"], **fields}
    return AwsRunner(aws, ecs.read).run(given, within(5))


def test_a_task_is_started_in_moto(aws: Aws) -> None:
    ecs, ec2 = own_client("ecs"), own_client("ec2")
    ecs.create_cluster(clusterName="jobs")
    containers = [{"name": "main", "image": "report", "memory": 128}]
    ecs.register_task_definition(
        family="report", containerDefinitions=containers, networkMode="awsvpc", cpu="256", memory="512"
    )
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    outcome = started(aws, subnets=[subnet])
    assert isinstance(outcome.output, dict), outcome.error
    assert outcome.output["task_arn"] in ecs.list_tasks(cluster="jobs")["taskArns"]


def test_what_a_job_changes_is_what_ecs_is_asked_for(broken: Aws, target: Target) -> None:
    target.said = json.dumps({"tasks": [{"taskArn": arn("ecs", "task/jobs/1"), "lastStatus": "PROVISIONING"}]})
    containers = [{"name": "main", "command": ["report", "--now"], "environment": {"DAY": "mon", "N": 5}}]
    outcome = started(broken, containers=containers, security_groups=["sg-1"], assign_public_ip=True)
    assert isinstance(outcome.output, dict), outcome.error
    assert (outcome.output["task_arn"], outcome.output["last_status"]) == (arn("ecs", "task/jobs/1"), "PROVISIONING")
    network = {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}
    environment = [{"name": "DAY", "value": "mon"}, {"name": "N", "value": "5"}]
    override = {"name": "main", "command": ["report", "--now"], "environment": environment}
    assert json.loads(target.seen[0].body) == {
        "cluster": CLUSTER,
        "taskDefinition": DEFINITION,
        "launchType": "FARGATE",
        "startedBy": "cronny-trigger-7",
        "clientToken": "key-7-1",
        "overrides": {"containerOverrides": [override]},
        "networkConfiguration": {"awsvpcConfiguration": network},
    }


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("RESOURCE:MEMORY", "server_error"),
        ("No capacity", "server_error"),
        ("MISSING", "unexpected_status"),
    ],
)
def test_a_task_that_is_not_started_fails_the_job(broken: Aws, target: Target, reason: str, kind: str) -> None:
    target.said = json.dumps({"tasks": [], "failures": [{"arn": CLUSTER, "reason": reason}]})
    outcome = started(broken)
    assert (outcome.failure, outcome.maybe_sent) == (kind, False)
    assert outcome.error == f"ECS did not start the task: {reason} ({CLUSTER})"


def test_cluster_and_task_definition_must_both_be_open(credentials: None) -> None:
    for patterns in ([CLUSTER], [DEFINITION]):
        assert started(opened(*patterns)).failure == FailureKind.REFUSED


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cluster_arn": "jobs"}, "cluster_arn"),
        ({"task_definition_arn": arn("ecs", "task/x")}, "task_definition_arn"),
        ({"task_definition_arn": DEFINITION.replace("eu-central-1", "eu-west-1")}, "task_definition_arn"),
        ({"task_definition_arn": DEFINITION.replace("123456789012", "222222222222")}, "task_definition_arn"),
        ({"launch_type": "MOON"}, "launch_type"),
        ({"subnets": []}, "subnets"),
        ({"subnets": "subnet-1"}, "subnets"),
        ({"launch_type": "EC2", "subnets": None, "security_groups": ["sg-1"]}, "security_groups"),
        ({"containers": {"name": "main"}}, "containers"),
        ({"containers": [{"name": "x"}] * 11}, "containers"),
        ({"containers": ["main"]}, "containers[0].name"),
        ({"containers": [{"name": "main"}, {"name": "x", "command": "ls"}]}, "containers[1].command"),
        ({"containers": [{"name": "main", "environment": []}]}, "containers[0].environment"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    outcome = started(nowhere(), **fields)
    assert outcome.failure == FailureKind.INVALID_INPUT
    assert (outcome.error or "").startswith(f"{field}: "), outcome.error
