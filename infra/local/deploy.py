"""Deploys template.yaml into the AWS endpoint in use: upload, create or update, migrate, start the creator."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from samtranslator.yaml_helper import yaml_parse

from infra.local.aws import Aws
from infra.local.home import LocalCloudError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef

STACK = "cronny"
BUCKET = "cronny-artifacts"
FUNCTIONS = ("api", "creator", "executor", "cleaner", "migrate")
NO_STACK = "none"
DEPLOY_SECONDS = 180.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Deployment:
    """The outputs of the deployed stack. `functions` maps `creator` to the name of the deployed function."""

    api_id: str
    queue_url: str
    dead_letter_queue: str
    functions: dict[str, str]


def deploy(aws: Aws, template: Path, artifact: Path, settings: dict[str, str]) -> Deployment:
    """Brings the stack to this template, this code and these settings, and the database to the newest schema.

    1. Upload the artefact under the hash of its content, so that unchanged code changes nothing.
    2. Create or update the stack.
    3. Migrate, by invoking the function that does it.
    4. Invoke the creator without waiting: the timer of a new stack lets its first minute pass.

    All of it can be repeated after a crash anywhere. Raises LocalCloudError with the reason.
    """
    document = _packaged(template, _upload(aws, artifact))
    _bring_up(aws, json.dumps(document), _parameters(document, settings))
    deployment = _outputs(aws)
    invoke(aws, deployment.functions["migrate"])
    aws.functions.invoke(FunctionName=deployment.functions["creator"], InvocationType="Event", Payload=b"{}")
    return deployment


def invoke(aws: Aws, function: str) -> Any:
    """Runs a deployed function with an empty event; answers what it returned, raises LocalCloudError if it failed."""
    answer = aws.functions.invoke(FunctionName=function, Payload=b"{}")
    payload = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise LocalCloudError(f"The function {function} failed: {_message(payload)}")
    return json.loads(payload)


def _message(payload: str) -> str:
    try:
        error = json.loads(payload)
        return "\n".join([str(error["errorMessage"]), *map(str, error.get("stackTrace", []))])
    except (ValueError, KeyError, TypeError):
        return payload


def _upload(aws: Aws, artifact: Path) -> str:
    """Puts the artefact into the bucket unless it is there, and answers its key."""
    content = artifact.read_bytes()
    key = f"{hashlib.sha256(content).hexdigest()}.zip"
    aws.s3.create_bucket(Bucket=BUCKET)
    try:
        aws.s3.head_object(Bucket=BUCKET, Key=key)
    except ClientError:
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
    return key


def _packaged(template: Path, key: str) -> dict[str, Any]:
    """The template with the uploaded artefact in the place of the source folder."""
    document: dict[str, Any] = yaml_parse(template.read_text())
    document["Globals"]["Function"]["CodeUri"] = {"Bucket": BUCKET, "Key": key}
    return document


def _parameters(document: dict[str, Any], settings: dict[str, str]) -> "list[ParameterTypeDef]":
    """The template itself says which parameter becomes which variable of the functions."""
    variables = document["Globals"]["Function"]["Environment"]["Variables"]
    return [
        {"ParameterKey": value["Ref"], "ParameterValue": settings[name]}
        for name, value in variables.items()
        if value["Ref"] in document["Parameters"] and name in settings
    ]


def _bring_up(aws: Aws, template: str, parameters: "list[ParameterTypeDef]") -> None:
    exists = _exists(aws)
    change = aws.cloudformation.update_stack if exists else aws.cloudformation.create_stack
    try:
        change(
            StackName=STACK,
            TemplateBody=template,
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise LocalCloudError(f"The stack was refused: {error}") from error
    status = _settled(aws)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise LocalCloudError(f"The stack could not be deployed ({status}):\n{_reasons(aws)}")


def _exists(aws: Aws) -> bool:
    """Whether there is a stack to update. One that could not even be created is deleted first."""
    if _settled(aws) in ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        aws.cloudformation.delete_stack(StackName=STACK)
    return _settled(aws) not in (NO_STACK, "DELETE_COMPLETE")


def _settled(aws: Aws) -> str:
    """The stack's status once nothing is in progress."""
    deadline = time.monotonic() + DEPLOY_SECONDS
    while (status := _status(aws)).endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise LocalCloudError(f"The stack is still {status} after {DEPLOY_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    return status


def _status(aws: Aws) -> str:
    try:
        return aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return NO_STACK
        raise


def _reasons(aws: Aws) -> str:
    events = aws.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("FAILED")]
    return "\n".join(f"  {e.get('LogicalResourceId')}: {e.get('ResourceStatusReason')}" for e in reversed(failed))


def _outputs(aws: Aws) -> Deployment:
    stack = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    functions = {name: outputs[f"{name.capitalize()}FunctionName"] for name in FUNCTIONS}
    return Deployment(outputs["ApiId"], outputs["QueueUrl"], outputs["DeadLetterQueueUrl"], functions)
