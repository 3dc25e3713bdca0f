"""API keys of the caller: for programs, with no more than they need. No key can make or change keys."""

from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.routes import Routes
from chalicelib.says import changes, creates, deletes, lists, reads
from chalicelib.tags import Shown
from chalicelib.wire.api_keys import ApiKeyFields, ApiKeyJson, to_json
from chalicelib.wire.drafts import change, new
from shared.identity import Caller, KeyId, Scope
from shared.manage import api_keys

routes = Routes("api_keys")

# Its last use changes without anybody changing the key.
API_KEY = Shown("key", to_json, volatile=frozenset({"last_used_at"}))


@routes(
    "POST",
    "/user/keys",
    scope=Scope.ACCOUNT,
    keeps_answer=False,
    says=creates("Make an API key; its secret is shown this once.", ApiKeyFields, "key", ApiKeyJson, secret=str),
)
def create(call: Call, caller: Caller) -> Answer:
    key, secret = api_keys.create_api_key(call.services, caller.user_id, new(ApiKeyFields, call.body()))
    message = "The API key is created. This is the only time that its secret is shown."
    return Answer({"key": to_json(key), "secret": secret, "message": message}, HTTPStatus.CREATED)


@routes(
    "GET",
    "/user/keys",
    scope=Scope.ACCOUNT,
    says=lists("Your API keys, without their secrets.", "keys", ApiKeyJson, paged=False),
)
def read_list(call: Call, caller: Caller) -> Answer:
    keys = api_keys.list_api_keys(call.services, caller.user_id)
    return Answer({"keys": [to_json(key) for key in keys], "next_cursor": None})


@routes(
    "GET", "/user/keys/{key_id}", scope=Scope.ACCOUNT, says=reads("One API key, without its secret.", "key", ApiKeyJson)
)
def read(call: Call, caller: Caller, key_id: KeyId) -> Answer:
    return API_KEY.answer(api_keys.get_api_key(call.services, caller.user_id, key_id))


@routes(
    "PUT PATCH",
    "/user/keys/{key_id}",
    scope=Scope.ACCOUNT,
    says=changes("Change an API key.", ApiKeyFields, "key", ApiKeyJson),
)
def update(call: Call, caller: Caller, key_id: KeyId) -> Answer:
    draft, expected = change(ApiKeyFields, call.body()), API_KEY.expected(call)
    key = api_keys.change_api_key(call.services, caller.user_id, key_id, draft, expected)
    return Answer({"key": to_json(key), "message": "The API key is saved."})


@routes(
    "DELETE",
    "/user/keys/{key_id}",
    scope=Scope.ACCOUNT,
    says=deletes("Delete an API key; whoever used it is refused from then on."),
)
def delete(call: Call, caller: Caller, key_id: KeyId) -> Answer:
    api_keys.delete_api_key(call.services, caller.user_id, key_id, API_KEY.expected(call))
    return Answer({"message": "The API key is deleted; whoever used it is refused from now on."})
