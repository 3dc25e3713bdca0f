"""template.yaml, as written and as SAM expands it."""

import importlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from cfnlint.config import ManualArgs
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from shared.job import MAX_TIMEOUT_SECONDS
from shared.manage.once import IN_FLIGHT_AT_MOST
from shared.settings import NAMES
from shared.trial import MAX_SECONDS, OVERRUN_SECONDS

ROOT = Path(__file__).parents[2]
REGION = "us-east-1"
FUNCTIONS = ("Api", "Creator", "Executor", "Cleaner", "Migrate")


class NoManagedPolicies:
    """SAM asks for the account's policies by name; this template names none."""

    def load(self) -> dict[str, str]:
        return {}


@cache
def written() -> dict[str, Any]:
    document: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    document["Globals"]["Function"]["CodeUri"] = {"Bucket": "bucket", "Key": "key"}
    return document


@cache
def expanded() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)  # SAM asks for it although nothing here depends on it
        document: dict[str, Any] = transform(json.loads(json.dumps(written())), {}, NoManagedPolicies())
    return document


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = expanded()["Resources"][name]["Properties"]
    return found


def lint(text: str) -> list[Any]:
    return list(cfnlint.api.lint(text, config=ManualArgs(regions=[REGION])))


def of_type(kind: str) -> list[dict[str, Any]]:
    return [it["Properties"] for it in expanded()["Resources"].values() if it["Type"] == kind]


def test_the_linter_finds_nothing_in_the_template_as_written() -> None:
    assert lint((ROOT / "template.yaml").read_text()) == []


def test_the_linter_finds_nothing_in_the_expanded_template() -> None:
    assert lint(json.dumps(expanded())) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_handler_can_be_imported(name: str) -> None:
    module, _, attribute = properties(f"{name}Function")["Handler"].rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_gets_all_settings_but_the_local_port(name: str) -> None:
    variables = properties(f"{name}Function")["Environment"]["Variables"]
    assert set(variables) == set(NAMES) - {"PORT"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_names_the_stack_and_keeps_its_logs_for_a_while(name: str) -> None:
    function = properties(f"{name}Function")
    assert function["FunctionName"] == {"Fn::Sub": "${AWS::StackName}-" + name.lower()}
    group = function["LoggingConfig"]["LogGroup"]["Ref"]
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_makefile_builds_every_function(name: str) -> None:
    assert expanded()["Resources"][f"{name}Function"]["Type"] == "AWS::Lambda::Function"
    assert f"build-{name}Function" in (ROOT / "Makefile").read_text()


def test_a_job_ends_before_its_function_and_its_function_long_before_its_message_returns() -> None:
    executor, queue = properties("ExecutorFunction"), properties("TriggerQueue")
    assert executor["Timeout"] > MAX_TIMEOUT_SECONDS
    assert queue["VisibilityTimeout"] >= 6 * executor["Timeout"]


def test_an_invocation_of_the_creator_overlaps_the_next_one() -> None:
    creator = properties("CreatorFunction")
    assert creator["Timeout"] == 120
    assert creator["ReservedConcurrentExecutions"] >= 2


def test_the_api_answers_before_its_gateway_gives_up() -> None:
    assert properties("ApiFunction")["Timeout"] * 1000 < properties("HttpApiIntegration")["TimeoutInMillis"]


def test_a_key_is_free_only_when_whoever_works_under_it_is_over() -> None:
    assert properties("ApiFunction")["Timeout"] < IN_FLIGHT_AT_MOST.total_seconds()


def test_the_mapping_runs_ten_executors_at_once_and_never_more_than_are_reserved() -> None:
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping")
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert mapping["BatchSize"] == 1
    assert (
        mapping["ScalingConfig"]["MaximumConcurrency"] < properties("ExecutorFunction")["ReservedConcurrentExecutions"]
    )


def test_what_no_executor_could_take_goes_to_the_dead_letter_queue() -> None:
    redrive = properties("TriggerQueue")["RedrivePolicy"]
    assert redrive["maxReceiveCount"] >= 5
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["TriggerDeadLetterQueue", "Arn"]}
    kept = properties("TriggerDeadLetterQueue")["MessageRetentionPeriod"]
    assert kept > properties("TriggerQueue")["MessageRetentionPeriod"]


def test_creator_and_cleaner_run_each_minute_by_rules() -> None:
    rules = of_type("AWS::Events::Rule")
    assert {rule["Targets"][0]["Arn"]["Fn::GetAtt"][0] for rule in rules} == {"CreatorFunction", "CleanerFunction"}
    assert {rule["ScheduleExpression"] for rule in rules} == {"rate(1 minute)"}


@pytest.mark.parametrize("name", ["Creator", "Cleaner", "Migrate"])
def test_what_was_invoked_in_vain_is_not_retried(name: str) -> None:
    configs = {it["FunctionName"]["Ref"]: it for it in of_type("AWS::Lambda::EventInvokeConfig")}
    config = configs[f"{name}Function"]
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_only_the_creator_may_send_and_only_the_executor_may_receive() -> None:
    allowed = {
        name: {
            action
            for policy in properties(name).get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
            for action in [statement["Action"]] * isinstance(statement["Action"], str) or statement["Action"]
        }
        for name in ("PlainRole", "ApiRole", "CreatorRole", "ExecutorRole", "CleanerRole")
    }
    assert allowed == {
        "ApiRole": set(),
        "PlainRole": set(),
        "CreatorRole": {"sqs:SendMessage"},
        "ExecutorRole": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
        "CleanerRole": {"sqs:ReceiveMessage", "sqs:DeleteMessage"},
    }


def test_the_cleaner_reads_nothing_but_the_dead_letter_queue() -> None:
    (policy,) = properties("CleanerRole")["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Fn::GetAtt": ["TriggerDeadLetterQueue", "Arn"]}


def test_no_policy_allows_anything_on_everything() -> None:
    kinds = ("Role", "Policy", "ManagedPolicy")
    assert '"*"' not in json.dumps([found for kind in kinds for found in of_type(f"AWS::IAM::{kind}")])


def test_secrets_are_sealed_by_the_api_and_opened_by_the_executor_under_a_key_that_may_be_missing() -> None:
    resources = expanded()["Resources"]
    policies = {name: it for name, it in resources.items() if it.get("Condition") == "HasKmsKey"}
    allowed = {}
    for it in policies.values():
        (role,), (statement,) = it["Properties"]["Roles"], it["Properties"]["PolicyDocument"]["Statement"]
        allowed[role["Ref"]] = statement["Action"]
        assert statement["Resource"] == {"Ref": "KmsKeyArn"}
        assert statement["Condition"] == {"StringEquals": {"kms:EncryptionContext:service": "cronny"}}
    assert allowed == {"ApiRole": ["kms:GenerateDataKey", "kms:Decrypt"], "ExecutorRole": "kms:Decrypt"}


def test_the_key_of_secrets_outlives_every_stack_and_is_rotated() -> None:
    text = (ROOT / "infra/secrets-key.yaml").read_text()
    assert lint(text) == []
    key = yaml_parse(text)["Resources"]["SecretsKey"]
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert key["Properties"]["EnableKeyRotation"] is True


def test_jobs_reach_what_the_operator_names_and_never_cronny_itself() -> None:
    policy = expanded()["Resources"]["ReachTargets"]
    assert policy["Condition"] == "HasAwsTargets"
    assert policy["Properties"]["Roles"] == [{"Ref": "ApiRole"}, {"Ref": "ExecutorRole"}]
    allow, deny = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (allow["Effect"], allow["Resource"]) == ("Allow", {"Ref": "AwsTargetArns"})
    assert deny["Effect"] == "Deny"
    own = [resource["Fn::GetAtt"][0] for resource in deny["Resource"] if "Fn::GetAtt" in resource]
    assert own == ["TriggerQueue", "TriggerDeadLetterQueue"]
    assert deny["Resource"][2]["Fn::Sub"].endswith(":function:${AWS::StackName}-*")
    assert {written()["Parameters"][name]["Default"] for name in ("AwsTargets", "AwsTargetArns")} == {""}


def test_jobs_pass_roles_to_tasks_of_ecs_only() -> None:
    policy = expanded()["Resources"]["PassTaskRoles"]
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (policy["Condition"], statement["Resource"]) == ("HasEcsTaskRoles", {"Ref": "EcsTaskRoleArns"})
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


def test_a_test_of_a_job_is_over_before_its_function() -> None:
    most = MAX_SECONDS + OVERRUN_SECONDS
    assert most + 5 <= properties("ApiFunction")["Timeout"]
    assert most + 5 <= IN_FLIGHT_AT_MOST.total_seconds()


def test_every_function_has_a_role_that_is_written_down() -> None:
    roles = {properties(f"{name}Function")["Role"]["Fn::GetAtt"][0] for name in FUNCTIONS}
    assert roles == {"PlainRole", "ApiRole", "CreatorRole", "ExecutorRole", "CleanerRole"}
    assert len(of_type("AWS::IAM::Role")) == len(roles)


def test_secrets_are_hidden_parameters() -> None:
    hidden = {name for name, it in written()["Parameters"].items() if it.get("NoEcho") is True}
    assert hidden == {"DbPassword", "JwtSecret", "JwtSecretPrevious", "MetricsToken"}


def test_every_request_reaches_the_api() -> None:
    assert properties("HttpApiRoute")["RouteKey"] == "$default"
    assert properties("HttpApiStage")["StageName"] == "$default"
    assert properties("HttpApiPermission")["FunctionName"] == {"Ref": "ApiFunction"}


def test_what_is_where_can_be_read_from_the_parameter_store() -> None:
    named = {parameter["Name"]["Fn::Sub"]: parameter["Value"] for parameter in of_type("AWS::SSM::Parameter")}
    outputs = {name: output["Value"] for name, output in expanded()["Outputs"].items()}
    assert named.pop("/${AWS::StackName}/functions")["Fn::Join"][1] == [
        outputs[f"{name}FunctionName"] for name in FUNCTIONS
    ]
    assert named == {
        "/${AWS::StackName}/api-url": outputs["ApiUrl"],
        "/${AWS::StackName}/queue-url": outputs["QueueUrl"],
        "/${AWS::StackName}/dead-letter-queue-url": outputs["DeadLetterQueueUrl"],
    }
