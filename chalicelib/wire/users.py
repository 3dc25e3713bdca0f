"""Accounts and plans over the wire. A password comes in and never goes out."""

import re
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.wire.described import CreatedAt, UpdatedAt, sent, told
from chalicelib.wire.drafts import Wire
from chalicelib.wire.fields import Id, ShortText
from shared.arn import external_id
from shared.identity import SESSION_LASTS
from shared.passwords import MAX_LENGTH, MIN_LENGTH
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
AnyPassword = Annotated[str, StringConstraints(max_length=1000)]
Token = Annotated[str, StringConstraints(max_length=200)]
IdToken = Annotated[str, StringConstraints(max_length=8192)]
LoginName = Annotated[str, StringConstraints(max_length=MAX_EMAIL)]
Trimmed = Annotated[str, StringConstraints(strip_whitespace=True)]
USERNAME = {"type": "string", "pattern": r"^[^@\s]{1,100}$"}
EMAIL = {"type": "string", "maxLength": MAX_EMAIL, "pattern": r"^[^@\s]+@[^@\s]+$"}
Username = Annotated[Trimmed, AfterValidator(_username), WithJsonSchema(USERNAME)]
Email = Annotated[Trimmed, AfterValidator(_email), WithJsonSchema(EMAIL)]
# Its length is for shared.passwords to judge, which also knows the best-known ones.
Password = Annotated[AnyPassword, WithJsonSchema({"type": "string", "maxLength": MAX_LENGTH, "format": "password"})]
Cookie = Annotated[Any, WithJsonSchema({"type": "boolean"})]
COOKIE = "True: a browser gets the refresh token as a cookie that no script can read, and not in the body."


class Registration(Wire):
    """A new account."""

    required = ("username", "email", "password")

    username: Username = sent("Without spaces and @.", example="ada")
    email: Email = sent("Nobody else's.", example="ada@example.org")
    password: Password = sent(
        f"{MIN_LENGTH} to {MAX_LENGTH} characters, and none of the best-known ones.", example="a long enough secret"
    )
    cookie: Cookie = sent(COOKIE)


class Login(Wire):
    """A username or an e-mail address; an address in the username's place is understood."""

    required = ("password",)

    username: LoginName | None = sent("The username, or the address; or email.", example="ada")
    email: LoginName | None = sent("The address; or username.")
    password: AnyPassword = sent("The password.", example="a long enough secret")
    cookie: Cookie = sent(COOKIE)


class GoogleLogin(Wire):
    """What Google's sign-in button gives a page."""

    required = ("id_token",)

    id_token: IdToken = sent("The credential as the button gives it.", example="eyJhbGciOi...")
    cookie: Cookie = sent(COOKIE)


class Refresh(Wire):
    """A refresh token, unless the browser sends it as a cookie."""

    refresh_token: Token | None = sent("The refresh token, good for one use.", example="cronny_rt_...")
    cookie: Cookie = sent(COOKIE)


class Logout(Wire):
    """``everywhere``: all sessions end."""

    everywhere: bool = sent("True: all sessions end, and not this one alone.")


class NewPassword(Wire):
    """The password of now, and the next one."""

    required = ("password", "new_password")

    password: AnyPassword = sent("The password of now.", example="a long enough secret")
    new_password: Password = sent("The next one, by the rules of register.", example="another long secret")
    cookie: Cookie = sent(COOKIE)


class ProfileFields(Wire):
    """What a user tells about themselves; all of it may be left out."""

    first_name: ShortText | None = sent("First name.", example="Ada")
    last_name: ShortText | None = sent("Last name.", example="Lovelace")
    address: ShortText | None = sent("Street and number.")
    city: ShortText | None = sent("City.")
    state: ShortText | None = sent("State or province.")
    country: ShortText | None = sent("Country.")
    zip_code: ShortText | None = sent("Postal code.")
    phone: ShortText | None = sent("Telephone number.")


class PlanChoice(Wire):
    """A plan by its id or by its name."""

    plan_id: Id = sent("The plan's id; or plan.")
    plan: ShortText = sent("The plan's name; or plan_id.", example="pro")


class ProfileJson(TypedDict):
    """What a user tells about themselves."""

    first_name: str | None
    last_name: str | None
    address: str | None
    city: str | None
    state: Annotated[str | None, told("State or province.")]
    country: str | None
    zip_code: str | None
    phone: str | None


class UserJson(ProfileJson):
    """An account."""

    id: int
    username: Annotated[str, told("What you log in with.")]
    email: Annotated[str, told("What you may log in with, too.")]
    plan_id: Annotated[int, told("Your plan.")]
    aws_external_id: Annotated[str, told("What a role of yours must demand before Cronny may assume it for your jobs.")]
    created_at: CreatedAt
    updated_at: UpdatedAt


class PlanJson(TypedDict):
    """What a plan allows."""

    id: int
    name: Annotated[str, told("What it is called.")]
    max_schedules: Annotated[int, told("How many schedules you may have.")]
    min_interval_seconds: Annotated[int, told("How close the runs of a schedule may be.")]
    max_in_flight: Annotated[int, told("How many of your triggers may be on their way at once.")]
    history_days: Annotated[int, told("How long outcomes stay listed.")]
    max_actions: Annotated[int, told("How many actions you may have.")]
    requests_per_second: Annotated[int, told("How many requests you may make each second, in the long run.")]
    requests_at_once: Annotated[int, told("How many requests you may make at once.")]


class SignedInJson(TypedDict):
    """What logging in gives."""

    token: Annotated[str, told("The access token: send it as Authorization: Bearer.")]
    expires_in: Annotated[int, told("How many seconds the access token holds.")]
    refresh_token: NotRequired[
        Annotated[str, told(f"Gives the next ones within {SESSION_LASTS.days} days; not there when it is a cookie.")]
    ]
    user: Annotated[UserJson, told("Who logged in.")]
    message: Annotated[str, told("For people.")]


def profile_to_json(user: User) -> ProfileJson:
    """What a user reads and may write of themselves."""
    return {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "address": user.address,
        "city": user.city,
        "state": user.state,
        "country": user.country,
        "zip_code": user.zip_code,
        "phone": user.phone,
    }


def to_json(user: User) -> UserJson:
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


def plan_to_json(plan: Plan) -> PlanJson:
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
