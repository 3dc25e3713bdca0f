"""The ``ecs`` job type: a task is started in Amazon ECS, which is how a container runs without a server of one's own.

It is not waited for: a task may take hours, and an executor that waits is paid for. Its container can tell Cronny, or
whoever else, when it is done.
"""

from typing import Any

from shared.errors import Invalid
from shared.failure import FailureKind
from shared.job import JsonObject, JsonValue
from shared.outcome import Outcome
from shared.runners import JobType, RunContext
from shared.runners.aws import Answer, AwsCall, metadata
from shared.runners.aws_fields import ROLE_SCHEMA, arn_of, arn_schema, breaker_of, role_of
from shared.runners.fields import as_text, mapping, required_text, text

MAX_CONTAINERS = 10
MAX_NETWORK_NAMES = 16
LAUNCH_TYPES = ("FARGATE", "EC2", "EXTERNAL")

JOB_TYPE = JobType(
    name="ecs",
    title="ECS task",
    description="Starts a task, one or more containers, in Amazon ECS.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ECS task",
        "type": "object",
        "required": ["cluster_arn", "task_definition_arn"],
        "properties": {
            "cluster_arn": arn_schema(
                "Cluster", "The cluster's ARN", "arn:aws:ecs:eu-central-1:123456789012:cluster/jobs"
            ),
            "task_definition_arn": arn_schema(
                "Task definition",
                "The task definition's ARN, with or without a revision",
                "arn:aws:ecs:eu-central-1:123456789012:task-definition/report:3",
            ),
            "launch_type": {
                "enum": [*LAUNCH_TYPES, None],
                "title": "Launch type",
                "description": "Where it runs: FARGATE, EC2 or EXTERNAL.",
                "default": "FARGATE",
            },
            "subnets": {
                "type": ["array", "null"],
                "title": "Subnets",
                "description": "Where its network interface is: needed by FARGATE.",
                "items": {"type": "string", "pattern": "^subnet-[0-9a-z]+$"},
                "maxItems": MAX_NETWORK_NAMES,
            },
            "security_groups": {
                "type": ["array", "null"],
                "title": "Security groups",
                "description": "What may reach its network interface; needs subnets.",
                "items": {"type": "string", "pattern": "^sg-[0-9a-z]+$"},
                "maxItems": 5,
            },
            "assign_public_ip": {"type": ["boolean", "null"], "title": "Public address", "default": False},
            "containers": {
                "type": ["array", "null"],
                "title": "Containers",
                "description": "What differs from the task definition, container by container.",
                "maxItems": MAX_CONTAINERS,
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string", "title": "Name", "minLength": 1},
                        "command": {"type": ["array", "null"], "title": "Command", "items": {"type": "string"}},
                        "environment": {"type": ["object", "null"], "title": "Environment"},
                    },
                },
            },
            "role_arn": ROLE_SCHEMA,
        },
    },
)

host = breaker_of("cluster_arn")


def read(fields: JsonObject, context: RunContext) -> AwsCall:
    """Input {cluster_arn, task_definition_arn, ..., containers, role_arn}; output {task_arn, last_status}.

    All attempts of a job in one trigger have the same client token, so that ECS starts one task for them. The roles of
    a task are those of its definition: a job cannot choose others.

    Raises ``Invalid``.
    """
    cluster = arn_of(fields, "cluster_arn", "ecs", "cluster/")
    definition = arn_of(fields, "task_definition_arn", "ecs", "task-definition/")
    if (definition.region, definition.account) != (cluster.region, cluster.account):
        raise Invalid.field("task_definition_arn", "it must be of the region and the account of the cluster")
    asked: dict[str, Any] = {
        "cluster": str(cluster),
        "taskDefinition": str(definition),
        "launchType": _launch_type(fields),
        "startedBy": f"cronny-trigger-{context.trigger_id}",
        "clientToken": context.idempotency_key,
        "overrides": {"containerOverrides": [_override(one, f"containers[{n}]") for n, one in _containers(fields)]},
        **_network(fields),
    }

    def send(client: Any) -> Outcome:
        return _outcome(client.run_task(**asked))

    return AwsCall("ecs", [cluster, definition], role_of(fields), send)


def _launch_type(fields: JsonObject) -> str:
    kind = text(fields, "launch_type") or LAUNCH_TYPES[0]
    if kind not in LAUNCH_TYPES:
        raise Invalid.field("launch_type", "it must be one of " + ", ".join(LAUNCH_TYPES))
    if kind == "FARGATE" and not _texts(fields, "subnets"):
        raise Invalid.field("subnets", "FARGATE needs at least one")
    return kind


def _network(fields: JsonObject) -> dict[str, Any]:
    subnets, groups = _texts(fields, "subnets"), _texts(fields, "security_groups")
    if groups and not subnets:
        raise Invalid.field("security_groups", "they need subnets")
    if not subnets:
        return {}
    public = "ENABLED" if fields.get("assign_public_ip") is True else "DISABLED"
    network = {"subnets": subnets, "securityGroups": groups, "assignPublicIp": public}
    return {"networkConfiguration": {"awsvpcConfiguration": network}}


def _texts(fields: JsonObject, name: str) -> list[str]:
    value = fields.get(name) or []
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise Invalid.field(name, "it must be a list of texts")
    return [str(one) for one in value]


def _containers(fields: JsonObject) -> list[tuple[int, JsonValue]]:
    given = fields.get("containers") or []
    if not isinstance(given, list | tuple) or len(given) > MAX_CONTAINERS:
        raise Invalid.field("containers", f"it must be a list of at most {MAX_CONTAINERS}")
    return list(enumerate(given))


def _override(container: JsonValue, path: str) -> dict[str, Any]:
    try:
        fields = container if isinstance(container, dict) else {}
        override: dict[str, Any] = {"name": required_text(fields, "name")}
        if command := _texts(fields, "command"):
            override["command"] = command
        if environment := mapping(fields, "environment"):
            override["environment"] = [{"name": name, "value": as_text(value)} for name, value in environment.items()]
    except Invalid as error:
        raise Invalid.field(f"{path}.{error.faults[0].field}", error.faults[0].message) from error
    return override


def _outcome(answer: Answer) -> Outcome:
    tasks = answer.get("tasks") or []
    if tasks:
        task = tasks[0]
        return Outcome.completed({**metadata(answer), "task_arn": task["taskArn"], "last_status": task["lastStatus"]})
    failures = [f"{one.get('reason')} ({one.get('arn')})" for one in answer.get("failures") or [{}]]
    reasons = [str(one.get("reason")) for one in answer.get("failures") or []]
    # What is missing stays so; what is full may have room the next time.
    gone = any(reason in ("MISSING", "INACTIVE") for reason in reasons)
    kind = FailureKind.UNEXPECTED_STATUS if gone else FailureKind.SERVER_ERROR
    told = f"ECS did not start the task: {', '.join(failures)}"[:500]
    return Outcome.failed(told, {**metadata(answer), "reasons": reasons}, kind, maybe_sent=False)
