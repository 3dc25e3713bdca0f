"""Secrets: values that jobs name, and that no answer ever has in it."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.paging import asked_slice, page_answer
from chalicelib.routes import Routes
from chalicelib.says import changes, creates, deletes, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire.drafts import change, new
from chalicelib.wire.secrets import SecretFields, SecretFilters, SecretJson, to_json
from shared.manage import secrets
from shared.secret import SecretId
from shared.user import UserId

routes = Routes("secrets")

# Its last use changes without anybody changing the secret.
SECRET = Shown("secret", to_json, volatile=frozenset({"last_used_at"}))


@routes("POST", "/secrets", says=creates("Keep a secret.", SecretFields, "secret", SecretJson))
def create(call: Call, user_id: UserId) -> Answer:
    secret = secrets.create_secret(call.services, user_id, new(SecretFields, call.body()))
    message = "The secret is kept. Its value is not shown again; jobs name it as {{ secrets." + secret.name + " }}."
    return Answer({"secret": to_json(secret), "message": message}, HTTPStatus.CREATED)


@routes("GET", "/secrets", says=lists("Your secrets, oldest first.", "secrets", SecretJson, SecretFilters))
def read_list(call: Call, user_id: UserId) -> Answer:
    filters = change(SecretFilters, call.query)
    page = secrets.list_secrets(call.services, user_id, filters, asked_slice(call, user_id, filters))
    return page_answer(call, user_id, "secrets", page, to_json, filters)


@routes("GET", "/secrets/{secret_id}", says=reads("One secret, without its value.", "secret", SecretJson))
def read(call: Call, user_id: UserId, secret_id: SecretId) -> Answer:
    return SECRET.answer(secrets.get_secret(call.services, user_id, secret_id))


@routes("PUT PATCH", "/secrets/{secret_id}", says=changes("Change a secret.", SecretFields, "secret", SecretJson))
def update(call: Call, user_id: UserId, secret_id: SecretId) -> Answer:
    draft, expected = change(SecretFields, call.body()), SECRET.expected(call)
    secret = secrets.change_secret(call.services, user_id, secret_id, draft, expected)
    return Answer({"secret": to_json(secret), "message": "The secret is saved."})


@routes("DELETE", "/secrets/{secret_id}", says=deletes("Delete a secret, unless jobs name it."))
def delete(call: Call, user_id: UserId, secret_id: SecretId) -> Answer:
    secrets.delete_secret(call.services, user_id, secret_id, SECRET.expected(call))
    return Answer({"message": "The secret is deleted."})
