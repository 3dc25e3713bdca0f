"""Accounts and plans over the wire. A password comes in and never goes out."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, StringConstraints

from chalicelib.wire.drafts import ABSENT, Wire
from chalicelib.wire.fields import Id, ShortText
from shared.arn import external_id
from shared.user import Plan, User

MAX_EMAIL = 254  # RFC 5321


def _username(value: str) -> str:
    # No @, so that a username is never mistaken for somebody else's address.
    if not re.fullmatch(r"[^@\s]{1,100}", value):
        raise ValueError("must have 1 to 100 characters, without spaces and @")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value) or len(value) > MAX_EMAIL:
        raise ValueError("must be an e-mail address")
    return value


# No password is longer than 128 characters (shared.passwords), and no token of ours or of Google's than these.
Password = Annotated[str, StringConstraints(max_length=1000)]
Token = Annotated[str, StringConstraints(max_length=200)]
IdToken = Annotated[str, StringConstraints(max_length=8192)]
LoginName = Annotated[str, StringConstraints(max_length=MAX_EMAIL)]
Trimmed = Annotated[str, StringConstraints(strip_whitespace=True)]
Username = Annotated[Trimmed, AfterValidator(_username)]
Email = Annotated[Trimmed, AfterValidator(_email)]


class Registration(Wire):
    """A new account."""

    required = ("username", "email", "password")

    username: Username = ABSENT
    email: Email = ABSENT
    password: Password = ABSENT


class Login(Wire):
    """A username or an e-mail address; an address in the username's place is understood."""

    required = ("password",)

    username: LoginName | None = ABSENT
    email: LoginName | None = ABSENT
    password: Password = ABSENT


class GoogleLogin(Wire):
    """What Google's sign-in button gives a page."""

    required = ("id_token",)

    id_token: IdToken = ABSENT


class Refresh(Wire):
    """A refresh token, unless the browser sends it as a cookie."""

    refresh_token: Token | None = ABSENT


class Logout(Wire):
    """``everywhere``: all sessions end."""

    everywhere: bool = ABSENT


class NewPassword(Wire):
    """The password of now, and the next one."""

    required = ("password", "new_password")

    password: Password = ABSENT
    new_password: Password = ABSENT


class ProfileFields(Wire):
    """What a user tells about themselves; all of it may be left out."""

    first_name: ShortText | None = ABSENT
    last_name: ShortText | None = ABSENT
    address: ShortText | None = ABSENT
    city: ShortText | None = ABSENT
    state: ShortText | None = ABSENT
    country: ShortText | None = ABSENT
    zip_code: ShortText | None = ABSENT
    phone: ShortText | None = ABSENT


class PlanChoice(Wire):
    """A plan by its id or by its name."""

    plan_id: Id = ABSENT
    plan: ShortText = ABSENT


def profile_to_json(user: User) -> dict[str, Any]:
    """What a user reads and may write of themselves."""
    return {name: getattr(user, name) for name in ProfileFields.model_fields}


def to_json(user: User) -> dict[str, Any]:
    """What a user reads of their account."""
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "plan_id": user.plan_id,
        **profile_to_json(user),
        "aws_external_id": external_id(user.id),
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """What a plan allows."""
    return {
        "id": plan.id,
        "name": plan.name,
        "max_schedules": plan.max_schedules,
        "min_interval_seconds": plan.min_interval_seconds,
        "max_in_flight": plan.max_in_flight,
        "history_days": plan.history_days,
        "max_actions": plan.max_actions,
        "requests_per_second": plan.requests_per_second,
        "requests_at_once": plan.requests_at_once,
    }
