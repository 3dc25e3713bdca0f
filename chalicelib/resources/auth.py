"""Signing up and logging in."""

from http import HTTPStatus
from typing import Any

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.wire import users
from chalicelib.wire.drafts import new
from shared import tokens
from shared.errors import Fault
from shared.manage import accounts
from shared.user import User, UserId

routes = Routes("auth")


@routes("POST", "/auth/register", public=True)
def register(call: Call) -> Answer:
    user = accounts.register(call.services, new(users.Registration, call.body()))
    return Answer(_signed_in(call, user, "Welcome to Cronny."), HTTPStatus.CREATED)


@routes("POST", "/auth/login", public=True)
def log_in(call: Call) -> Answer:
    draft = new(users.Login, call.body())
    login = draft.fields.get("username") or draft.fields.get("email")
    draft.accept([] if login else [Fault("username", "is needed (or email)")])
    user = accounts.log_in(call.services, str(login).strip(), draft.fields["password"])
    return Answer(_signed_in(call, user, "You are logged in."))


@routes("GET", "/auth/me")
def me(call: Call, user_id: UserId) -> Answer:
    return Answer({"user": users.to_json(accounts.get_user(call.services, user_id))})


def _signed_in(call: Call, user: User, message: str) -> dict[str, Any]:
    services = call.services
    token = tokens.issue(user.id, services.settings.jwt_secret, services.clock.real_now())
    return {"token": token, "user": users.to_json(user), "message": message}
