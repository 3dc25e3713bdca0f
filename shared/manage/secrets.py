"""The caller's secrets: written, named by jobs, and never read back."""

from collections.abc import Iterable
from typing import Any

from shared import placeholders
from shared.errors import Conflict, Fault, Invalid, NotFound
from shared.job import JobInputType, JsonValue
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.paging import Page, Slice
from shared.secret import Sealed, Secret, SecretId
from shared.services import Services
from shared.store import Connection, secrets
from shared.store.secrets import Mention
from shared.user import UserId
from shared.vault import Unreadable

MISSING = "There is no such secret."
UNREADABLE = "this secret cannot be opened any more; send its value, too"
# So many of one input, each of which is looked for in everything that its job says.
MAX_NAMED = 20
SHOWN_JOBS = 10


def create_secret(services: Services, user_id: UserId, draft: Draft) -> Secret:
    """A new secret; raises ``Invalid``, ``KeyAway``, and ``Conflict`` when the user has one of that name."""
    draft.accept()
    now = services.clock.real_now()
    # Before the transaction, which must not be idle while KMS is asked.
    sealed = services.vault.seal(user_id, draft.fields["name"], draft.fields["value"])
    with services.database.begin() as connection:
        return secrets.create(connection, user_id, draft.fields, sealed, now)


def list_secrets(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[Secret]:
    """The caller's secrets, narrowed by the draft's fields."""
    draft.accept()
    with services.database.begin() as connection:
        return secrets.read_list(connection, user_id, draft.fields, part)


def get_secret(services: Services, user_id: UserId, secret_id: SecretId) -> Secret:
    """One secret; raises ``NotFound``."""
    with services.database.begin() as connection:
        found = secrets.find(connection, user_id, secret_id)
    if found is None:
        raise NotFound(MISSING)
    return found


def change_secret(
    services: Services, user_id: UserId, secret_id: SecretId, draft: Draft, expected: Expected[Secret] = None
) -> Secret:
    """Write the sent fields; raises ``NotFound``, ``Invalid``, ``KeyAway``.

    ``Conflict`` for a name that is taken, and for another name while jobs use this one.
    """
    now = services.clock.real_now()
    with services.database.begin() as connection:
        current, sealed = _locked(connection, user_id, secret_id, expected)
        draft.accept()
        if draft.fields.get("name", current.name) != current.name:
            _refuse_while_named(connection, current)
        changes = _changes(services, current, sealed, draft)
        return secrets.change(connection, user_id, secret_id, changes, now) if changes else current


def delete_secret(services: Services, user_id: UserId, secret_id: SecretId, expected: Expected[Secret] = None) -> None:
    """Delete it; raises ``NotFound``, and ``Conflict`` while jobs use it."""
    with services.database.begin() as connection:
        current, _ = _locked(connection, user_id, secret_id, expected)
        _refuse_while_named(connection, current)
        secrets.remove(connection, user_id, secret_id)


def unknown(connection: Connection, user_id: UserId, value: JsonValue, kind: JobInputType, field: str) -> list[Fault]:
    """Secrets that an input names and the user does not have; those that exist stay until the transaction ends."""
    named = list(placeholders.named(value, kind))
    names = {name for _, name in named}
    if len(names) > MAX_NAMED:
        return [Fault(field, f"names more than {MAX_NAMED} secrets")]
    known = secrets.hold(connection, user_id, names) if names else set()
    missing = [(path, name) for path, name in named if name not in known]
    return [Fault(_below(field, path), placeholders.missing(name)) for path, name in missing]


def _changes(services: Services, current: Secret, sealed: Sealed, draft: Draft) -> dict[str, Any]:
    """The columns to write. A value is bound to its name, so another name seals it anew."""
    fields = {key: draft.fields[key] for key in ("name", "description") if key in draft.fields}
    name = fields.get("name", current.name)
    if "value" not in draft.fields and name == current.name:
        return fields
    value = draft.fields["value"] if "value" in draft.fields else _opened(services, current, sealed)
    return fields | secrets.columns(services.vault.seal(current.user_id, name, value))


def _opened(services: Services, current: Secret, sealed: Sealed) -> str:
    try:
        return services.vault.open(current.user_id, current.name, sealed)
    except Unreadable as error:
        raise Invalid.field("name", UNREADABLE) from error


def _locked(
    connection: Connection, user_id: UserId, secret_id: SecretId, expected: Expected[Secret]
) -> tuple[Secret, Sealed]:
    found = secrets.lock(connection, user_id, secret_id)
    if found is None:
        raise NotFound(MISSING)
    if expected:
        expected(found[0])
    return found


def _refuse_while_named(connection: Connection, secret: Secret) -> None:
    users = [each for each in secrets.mentions(connection, secret.user_id, secret.name) if _names(each, secret.name)]
    if users:
        raise Conflict(f"Jobs use this secret: {_told(users)}. Change or delete them first.")


def _names(mention: Mention, name: str) -> bool:
    return any(named == name for _, named in placeholders.named(mention.value, mention.kind))


def _told(users: Iterable[Mention]) -> str:
    names = [f"{each.job} (action {each.action})" for each in users]
    more = f" and {len(names) - SHOWN_JOBS} more" if len(names) > SHOWN_JOBS else ""
    return ", ".join(names[:SHOWN_JOBS]) + more


def _below(field: str, path: str) -> str:
    if not path:
        return field
    return field + path if path.startswith("[") else f"{field}.{path}"
