"""Lists page by page. A cursor is signed and belongs to one list of one user: it can be passed on, but not made up."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from pydantic import Field, PlainValidator

from chalicelib.answer import Answer
from chalicelib.call import Call
from chalicelib.wire.described import sent, words
from chalicelib.wire.drafts import Wire, change
from shared.errors import Fault, Invalid
from shared.manage.draft import Draft
from shared.paging import Page, Slice
from shared.user import UserId

T = TypeVar("T")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


# Whether each begins with the newest.
ORDERS = {"created_at": False, "-created_at": True}


def _newest_first(value: object) -> bool:
    if value not in ORDERS:
        raise ValueError(f"must be one of {', '.join(ORDERS)}")
    return ORDERS[str(value)]


class PageQuery(Wire):
    """Which page."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = sent(f"How many; {DEFAULT_LIMIT} unless told otherwise.")
    cursor: Annotated[str, Field(max_length=500)] = sent("The next_cursor of the page before.")
    sort: Annotated[bool, PlainValidator(_newest_first), words(tuple(ORDERS))] = sent("Oldest first, or newest first.")


def asked_slice(call: Call, user_id: UserId, filters: Draft | None = None) -> Slice:
    """The slice that the query asks for; raises ``Invalid`` with the faults of the filters, too."""
    draft = change(PageQuery, call.query)
    filters = filters or Draft()
    Draft(faults=(*filters.faults, *draft.faults)).accept()
    cursor = draft.fields.get("cursor")
    after = _read(cursor, _key(call), _scope(call, user_id, filters.fields)) if cursor else None
    return Slice(draft.fields.get("limit", DEFAULT_LIMIT), after, draft.fields.get("sort"))


def page_answer(
    call: Call, user_id: UserId, name: str, page: Page[T], to_json: Callable[[T], Any], filters: Draft | None = None
) -> Answer:
    """The rows of a page under their name, and the cursor of the next one."""
    scope = _scope(call, user_id, (filters or Draft()).fields)
    following = None if page.next_after is None else _signed(page.next_after, _key(call), scope)
    return Answer({name: [to_json(item) for item in page.items], "next_cursor": following})


def _key(call: Call) -> bytes:
    return hmac.digest(call.services.settings.jwt_secret.encode(), b"cursors", "sha256")


def _scope(call: Call, user_id: UserId, filters: Mapping[str, Any]) -> str:
    order = [sort] if (sort := call.query.get("sort")) else []
    return json.dumps([call.request.path, user_id, sorted(filters.items()), *order], default=str)


def _signed(after: int, key: bytes, scope: str) -> str:
    signature = hmac.digest(key, f"{after} {scope}".encode(), sha256)[:16]
    return base64.urlsafe_b64encode(after.to_bytes(8, "big") + signature).decode().rstrip("=")


def _read(cursor: str, key: bytes, scope: str) -> int:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        after = int.from_bytes(raw[:8], "big")
    except (binascii.Error, ValueError):
        raw, after = b"", 0
    if not hmac.compare_digest(_signed(after, key, scope).encode(), cursor.encode()):
        raise Invalid([Fault("cursor", "is not from this list; begin again without it")])
    return after
