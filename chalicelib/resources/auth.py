"""Signing up, logging in, staying logged in, and the password."""

from http import HTTPStatus
from typing import Any

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.cookies import cleared, read_refresh_cookie, refresh_cookie
from chalicelib.routes import Routes
from chalicelib.says import does, reads
from chalicelib.wire import users
from chalicelib.wire.drafts import new
from shared.errors import Fault
from shared.identity import Caller, Scope, Signed
from shared.manage import accounts, sessions
from shared.manage.google import sign_in_with_google
from shared.user import User, UserId

routes = Routes("auth")


@routes(
    "POST",
    "/auth/register",
    public=True,
    signs_in=True,
    says=does(
        "Sign up.",
        users.SignedInJson,
        users.Registration,
        status=HTTPStatus.CREATED,
        complete=True,
        cookies=True,
        refuses=(HTTPStatus.CONFLICT,),
    ),
)
def register(call: Call) -> Answer:
    draft = new(users.Registration, call.body())
    user = accounts.register(call.services, draft)
    signed = sessions.sign_in(call.services, user.id)
    return _signed_in(call, signed, "Welcome to Cronny.", user, HTTPStatus.CREATED)


@routes(
    "POST",
    "/auth/login",
    public=True,
    signs_in=True,
    says=does(
        "Log in.", users.SignedInJson, users.Login, complete=True, cookies=True, refuses=(HTTPStatus.UNAUTHORIZED,)
    ),
)
def log_in(call: Call) -> Answer:
    draft = new(users.Login, call.body())
    login = draft.fields.get("username") or draft.fields.get("email")
    known = login or not draft.understood("username", "email")
    draft.accept([] if known else [Fault("username", "is needed (or email)")])
    user = accounts.log_in(call.services, str(login).strip(), draft.fields["password"], call.address)
    return _signed_in(call, sessions.sign_in(call.services, user.id), "You are logged in.", user)


@routes(
    "POST",
    "/auth/google",
    public=True,
    signs_in=True,
    says=does(
        "Sign in with Google.",
        users.SignedInJson,
        users.GoogleLogin,
        complete=True,
        cookies=True,
        refuses=(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    ),
)
def google(call: Call) -> Answer:
    draft = new(users.GoogleLogin, call.body())
    draft.accept()
    user = sign_in_with_google(call.services, draft.fields["id_token"])
    return _signed_in(call, sessions.sign_in(call.services, user.id), "You are logged in.", user)


@routes(
    "POST",
    "/auth/refresh",
    public=True,
    signs_in=True,
    says=does(
        "Stay logged in: another access token, and another refresh token.",
        users.SignedInJson,
        users.Refresh,
        cookies=True,
        refuses=(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT),
    ),
)
def refresh(call: Call) -> Answer:
    sent = new(users.Refresh, call.body())
    token = sent.fields.get("refresh_token") or read_refresh_cookie(call)
    known = token or not sent.understood("refresh_token")
    sent.accept([] if known else [Fault("refresh_token", "is needed")])
    return _signed_in(call, sessions.refresh(call.services, str(token)), "You are still logged in.")


@routes("POST", "/auth/logout", scope=Scope.ACCOUNT, says=does("Log out.", {}, users.Logout, cookies=True))
def log_out(call: Call, caller: Caller) -> Answer:
    draft = new(users.Logout, call.body())
    draft.accept()
    sessions.sign_out(call.services, caller, everywhere=bool(draft.fields.get("everywhere")))
    return Answer({"message": "You are logged out."}, headers=cleared(call))


@routes(
    "POST",
    "/auth/password",
    scope=Scope.ACCOUNT,
    keeps_answer=False,
    says=does(
        "Change the password; all other sessions end.",
        users.SignedInJson,
        users.NewPassword,
        complete=True,
        cookies=True,
    ),
)
def change_password(call: Call, caller: Caller) -> Answer:
    signed = sessions.change_password(call.services, caller, new(users.NewPassword, call.body()))
    return _signed_in(call, signed, "Your password is changed; everybody else who was logged in as you is logged out.")


@routes("GET", "/auth/me", says=reads("Who you are.", "user", users.UserJson))
def me(call: Call, user_id: UserId) -> Answer:
    return Answer({"user": users.to_json(accounts.get_user(call.services, user_id))})


def _signed_in(
    call: Call, signed: Signed, message: str, user: User | None = None, status: HTTPStatus = HTTPStatus.OK
) -> Answer:
    """``user``: where it has been read already."""
    body: dict[str, Any] = {"token": signed.access, "expires_in": signed.expires_in}
    # A browser's page never sees its refresh token.
    cookie = call.body().get("cookie") is True or bool(read_refresh_cookie(call))
    if not cookie:
        body["refresh_token"] = signed.refresh
    user = user or accounts.get_user(call.services, signed.user_id)
    body |= {"user": users.to_json(user), "message": message}
    return Answer(body, status, refresh_cookie(call, signed.refresh) if cookie else {})
