"""Idempotency-Key: a POST that is sent again gets the first answer and does nothing. No view knows of it."""

import hmac
import json
import re
from collections.abc import Callable
from http import HTTPStatus

from chalicelib.answer import Answer
from chalicelib.call import Call
from shared.errors import Invalid
from shared.manage import once
from shared.services import Services
from shared.store.kept_answers import KeptAnswer
from shared.user import UserId

REPLAYED = {"Idempotency-Replayed": "true"}
MAX_KEY = 200

_KEY = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY}}}")

# Answers whatever happens: an error is a problem already.
Attempt = Callable[[Call], Answer]


def answered_once(call: Call, user_id: UserId, attempt: Attempt, *, in_parts: bool, keeps_answer: bool) -> Answer:
    """What ``attempt`` answers, or answered when this key came before. Raises ``Invalid``, ``Busy``, ``Conflict``."""
    key = call.request.headers.get(once.FIELD)
    if call.request.method != "POST" or key is None:
        return attempt(call)
    if not _KEY.fullmatch(key):
        raise Invalid.field(once.FIELD, f"must be 1 to {MAX_KEY} printable ASCII characters")

    def work(services: Services) -> KeptAnswer:
        answer = attempt(call.using(services))
        return KeptAnswer(answer.status.value, answer.headers, answer.text)

    kept, replayed = once.once(
        call.services, user_id, key, _hashes(call), work, in_parts=in_parts, keeps_body=keeps_answer
    )
    headers = {**kept.headers, **(REPLAYED if replayed else {})}
    return Answer(kept.body or "", HTTPStatus(kept.status), headers)


def _hashes(call: Call) -> tuple[str, ...]:
    """Of what is asked: the method, where, and the body as it came, byte by byte.

    Under a key, because a body may hold a secret that is short enough to be guessed by whoever reads the hash. The
    second one is that of the signing key before.
    """
    request = call.request
    where = json.dumps([request.method, request.path, sorted((request.uri_params or {}).items())])
    asked = b"requests\n" + where.encode() + b"\n" + request.raw_body
    return tuple(hmac.digest(key.encode(), asked, "sha256").hex() for key in call.services.settings.jwt_secrets)
