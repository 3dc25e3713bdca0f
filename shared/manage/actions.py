"""Actions with their jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.action import Action, ActionId
from shared.errors import NotFound
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.paging import Page, Slice
from shared.quotas import Kept
from shared.services import Services
from shared.store import Connection, actions, jobs
from shared.store.jobs import StoredJob
from shared.user import UserId

MISSING = "There is no such action."


@dataclass(frozen=True, slots=True)
class ActionWithJobs:
    """An action as its owner reads it."""

    action: Action
    jobs: Sequence[StoredJob] = ()


def create_action(services: Services, user_id: UserId, draft: Draft) -> ActionWithJobs:
    """A new action, without jobs yet. Raises ``Invalid``, ``OverQuota``."""
    draft.accept()
    with services.database.begin() as connection:
        quotas.make_room(connection, user_id, Kept.ACTIONS)
        return ActionWithJobs(actions.create(connection, user_id, draft.fields))


def list_actions(services: Services, user_id: UserId, draft: Draft, part: Slice) -> Page[ActionWithJobs]:
    """The caller's actions."""
    draft.accept()
    with services.database.begin() as connection:
        page = actions.read_list(connection, user_id, draft.fields, part)
        return Page(_with_jobs(connection, user_id, page.items), page.next_after)


def get_action(services: Services, user_id: UserId, action_id: ActionId) -> ActionWithJobs:
    """One action; raises ``NotFound``."""
    with services.database.begin() as connection:
        return _found(connection, user_id, action_id)


def change_action(
    services: Services, user_id: UserId, action_id: ActionId, draft: Draft, expected: Expected[ActionWithJobs] = None
) -> ActionWithJobs:
    """Write the sent fields; raises ``NotFound``, ``Invalid``."""
    with services.database.begin() as connection:
        _lock(connection, user_id, action_id, expected)
        draft.accept()
        action = actions.change(connection, user_id, action_id, draft.fields)
        return _with_jobs(connection, user_id, [action] if action else [])[0]


def delete_action(
    services: Services, user_id: UserId, action_id: ActionId, expected: Expected[ActionWithJobs] = None
) -> None:
    """Delete the action and its jobs; raises ``NotFound``, and ``Conflict`` while a schedule points at it."""
    with services.database.begin() as connection:
        _lock(connection, user_id, action_id, expected)
        actions.remove(connection, user_id, action_id)


def _lock(
    connection: Connection, user_id: UserId, action_id: ActionId, expected: Expected[ActionWithJobs] = None
) -> None:
    """Hold the action, and with it its jobs: who saves one of those holds it, too."""
    if not actions.lock(connection, user_id, action_id):
        raise NotFound(MISSING)
    if expected:
        expected(_found(connection, user_id, action_id))


def _found(connection: Connection, user_id: UserId, action_id: ActionId) -> ActionWithJobs:
    action = actions.find(connection, user_id, action_id)
    if action is None:
        raise NotFound(MISSING)
    return _with_jobs(connection, user_id, [action])[0]


def _with_jobs(connection: Connection, user_id: UserId, found: Sequence[Action]) -> list[ActionWithJobs]:
    stored = jobs.of_actions(connection, user_id, [action.id for action in found])
    return [ActionWithJobs(action, [job for job in stored if job.action_id == action.id]) for action in found]
