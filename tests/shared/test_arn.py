"""ARNs, and which of them are open to whose jobs."""

import pytest

from shared.arn import Arn, AwsTargets, external_id, parse_patterns
from shared.user import UserId

ADA, BOB = UserId(7), UserId(8)
OWN_QUEUE = "https://sqs.eu-central-1.amazonaws.com/111111111111/cronny-triggers"


def arn(text: str) -> Arn:
    found = Arn.parse(text)
    assert found is not None, text
    assert str(found) == text
    return found


def open_to(raw: str, target: str, user_id: UserId = ADA) -> bool:
    return AwsTargets(parse_patterns(raw), OWN_QUEUE).open_to(arn(target), user_id)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("arn:aws:sqs:eu-central-1:123456789012:orders.fifo", "orders.fifo"),
        ("arn:aws:lambda:us-gov-west-1:123456789012:function:report:live", "report:live"),
        ("arn:aws-cn:ecs:cn-north-1:123456789012:cluster/jobs", "jobs"),
        ("arn:aws:ses:eu-west-1:123456789012:identity/ann@example.org", "ann@example.org"),
        ("arn:aws:iam::123456789012:role/path/cronny", "path/cronny"),
    ],
)
def test_arns_are_read_and_written(text: str, name: str) -> None:
    assert arn(text).name == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orders",
        "https://sqs.eu-central-1.amazonaws.com/123456789012/orders",
        "arn:aws:sqs:eu-central-1:123456789012:",
        "arn:aws:sqs:eu-central-1:12345:orders",
        "arn:aws:sqs:evil.example.org/:123456789012:orders",
        "arn:aws:sqs:eu-central-1.evil-1:123456789012:orders",
        "arn:aws:sqs:EU-CENTRAL-1:123456789012:orders",
        "arn:aws:sqs:eu-central-1:123456789012:orders\n",
        "arn:aws:sqs:eu-central-1:123456789012:or ders",
        "arn:aws:sqs:eu-central-1:123456789012:*",
        "arn:aws:sqs:eu-centrál-1:123456789012:orders",
        "arn:aws:sqs:eu-central-1:123456789012:" + "x" * 513,
    ],
)
def test_what_is_no_arn_is_none(text: str) -> None:
    assert Arn.parse(text) is None


@pytest.mark.parametrize(
    ("patterns", "target", "opened"),
    [
        ("", "arn:aws:sqs:eu-central-1:222222222222:orders", False),
        ("*", "arn:aws:sqs:eu-central-1:222222222222:orders", True),
        ("arn:aws:sqs:eu-central-1:222222222222:orders", "arn:aws:sqs:eu-central-1:222222222222:orders", True),
        ("arn:aws:sqs:eu-central-1:222222222222:orders", "arn:aws:sqs:eu-central-1:222222222222:orders2", False),
        ("arn:aws:sqs:eu-central-1:222222222222:orders", "arn:aws:sqs:eu-west-1:222222222222:orders", False),
        ("arn:aws:sqs:*:222222222222:app-*", "arn:aws:sqs:eu-west-1:222222222222:app-a", True),
        ("arn:aws:sqs:*:222222222222:app-*", "arn:aws:sqs:eu-west-1:333333333333:app-a", False),
        ("arn:aws:sqs:*:222222222222:app-*", "arn:aws:sns:eu-west-1:222222222222:app-a", False),
        # A star ends with its part: it does not reach over to the account.
        ("arn:aws:sqs:*:app-*", "arn:aws:sqs:eu-west-1:222222222222:app-a", None),
        ("arn:aws:lambda:*:2*:function:f", "arn:aws:lambda:eu-west-1:222222222222:function:f:live", False),
        ("arn:aws:lambda:*:2*:function:f*", "arn:aws:lambda:eu-west-1:222222222222:function:f:live", True),
        ("arn:aws:sqs:eu-west-1:222222222222:a.b", "arn:aws:sqs:eu-west-1:222222222222:axb", False),
        (" arn:aws:sns:*:*:a , arn:aws:sqs:*:*:b ", "arn:aws:sqs:eu-west-1:222222222222:b", True),
    ],
)
def test_only_what_a_pattern_fits_is_open(patterns: str, target: str, opened: bool | None) -> None:
    if opened is None:
        with pytest.raises(ValueError, match="is none"):
            parse_patterns(patterns)
    else:
        assert open_to(patterns, target) is opened


def test_a_pattern_may_be_one_users_alone() -> None:
    raw = "7@arn:aws:sqs:*:222222222222:orders,arn:aws:sqs:*:222222222222:everybodys"
    orders, everybodys = (f"arn:aws:sqs:eu-west-1:222222222222:{name}" for name in ("orders", "everybodys"))
    assert (open_to(raw, orders, ADA), open_to(raw, orders, BOB)) == (True, False)
    assert (open_to(raw, everybodys, ADA), open_to(raw, everybodys, BOB)) == (True, True)
    assert str(AwsTargets(parse_patterns(raw))) == raw


@pytest.mark.parametrize(
    "target",
    [
        "arn:aws:sqs:eu-central-1:111111111111:cronny-triggers",
        "arn:aws:sqs:eu-central-1:111111111111:cronny-triggers-dead",
        "arn:aws:lambda:eu-central-1:111111111111:function:cronny-executor",
        "arn:aws:lambda:eu-central-1:111111111111:function:cronny-migrate:live",
    ],
)
def test_no_pattern_opens_what_is_cronnys_own(target: str) -> None:
    assert not open_to("*", target)
    assert not open_to(target, target)
    assert open_to("*", target.replace("1" * 12, "2" * 12))


def test_roles_of_cronnys_own_account_are_open_by_that_accounts_name_only() -> None:
    own, users = "arn:aws:iam::111111111111:role/cronny-x", "arn:aws:iam::222222222222:role/cronny-x"
    assert open_to("arn:aws:iam::*:role/cronny-*", users)
    assert not open_to("arn:aws:iam::*:role/cronny-*", own)
    assert open_to("arn:aws:iam::111111111111:role/cronny-*", own)
    assert not open_to("arn:aws:iam::*:role/cronny-*", "arn:aws:iam::222222222222:role/admin")


@pytest.mark.parametrize("raw", ["orders", "arn:aws:sqs", "x@arn:aws:sqs:*:*:a", "arn:aws:sqs:*:*:a b", "**", "7@"])
def test_what_is_no_pattern_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="with commas between them"):
        parse_patterns(raw)


def test_each_user_has_an_external_id() -> None:
    assert (external_id(ADA), external_id(BOB)) == ("cronny-7", "cronny-8")
