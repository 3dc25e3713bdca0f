"""SQL of actions."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from shared.action import Action, ActionId
from shared.paging import Page, Slice
from shared.store.paging import Filters, has_in_its_name, narrowed, read_page
from shared.store.tables import actions
from shared.user import UserId

_OWNED = actions.c.user_id == bindparam("user")
_THIS = (_OWNED, actions.c.id == bindparam("key"))

CREATE = insert(actions).returning(actions)
LIST = select(actions).where(_OWNED)
FILTERS: Filters = {"q": has_in_its_name(actions.c.name)}
FIND = select(actions).where(*_THIS)
# Who saves a job holds this lock, so that two saves at once cannot close a cycle that neither of them sees.
LOCK = select(actions.c.id).where(*_THIS).with_for_update(key_share=True)
CHANGE = update(actions).where(*_THIS).values(updated_at=func.now()).returning(actions)
DELETE = delete(actions).where(*_THIS)


def create(connection: Connection, user_id: UserId, row: Mapping[str, Any]) -> Action:
    """A new action of this user."""
    return _action(connection.execute(CREATE, {**row, "user_id": user_id}).one())


def read_list(connection: Connection, user_id: UserId, filters: Mapping[str, Any], part: Slice) -> Page[Action]:
    """The user's actions, oldest first."""
    statement = narrowed(LIST, FILTERS, filters)
    return read_page(connection, statement, {**filters, "user": user_id}, part, _action)


def find(connection: Connection, user_id: UserId, action_id: ActionId) -> Action | None:
    """The user's action with this id."""
    row = connection.execute(FIND, {"user": user_id, "key": action_id}).one_or_none()
    return _action(row) if row else None


def lock(connection: Connection, user_id: UserId, action_id: ActionId) -> bool:
    """Hold the action until the transaction ends; False when the user has no such action."""
    return connection.execute(LOCK, {"user": user_id, "key": action_id}).one_or_none() is not None


def change(connection: Connection, user_id: UserId, action_id: ActionId, changes: Mapping[str, Any]) -> Action | None:
    """Write these columns; None when the user has no such action."""
    row = connection.execute(CHANGE, {**changes, "user": user_id, "key": action_id}).one_or_none()
    return _action(row) if row else None


def remove(connection: Connection, user_id: UserId, action_id: ActionId) -> bool:
    """Delete the action with its jobs; raises ``Conflict`` while a schedule points at it."""
    return connection.execute(DELETE, {"user": user_id, "key": action_id}).rowcount == 1


def _action(row: Any) -> Action:
    return Action(**row._mapping)
