"""Signing up, logging in, the profile and the plan."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared import guessing, passwords
from shared.errors import Fault, Invalid, NotSignedIn, TooMany
from shared.manage import quotas
from shared.manage.draft import Draft
from shared.manage.expected import Expected
from shared.services import Services
from shared.store import login_failures, users
from shared.store.login_failures import Failed
from shared.user import Plan, User, UserId

WRONG_LOGIN = "The username or the password is wrong."
TOO_MANY = "Too many logins have failed; wait a moment before the next one."
NO_ACCOUNT = "This account no longer exists."


def register(services: Services, draft: Draft) -> User:
    """A new account from ``username``, ``email``, ``password``. Raises ``Invalid``, ``Conflict`` for a taken name."""
    draft.accept(weaknesses(services, draft))
    password_hash = passwords.hash_password(draft.fields["password"])
    with services.database.begin() as connection:
        return users.register(connection, draft.fields["username"], draft.fields["email"], password_hash)


def log_in(services: Services, login: str, password: str, address: str = "") -> User:
    """The account of this username or e-mail address; ``NotSignedIn`` in the same words and time for all that fails.

    ``address``: where the request comes from. Whoever fails again and again, for one account or from one network, has
    to wait: ``TooMany``. Nobody is locked out for longer than a quarter of an hour.
    """
    account, network, now = guessing.account_key(login), guessing.network_key(address), services.clock.real_now()
    with services.database.begin() as connection:
        _wait(login_failures.failures(connection, [account, *filter(None, [network])], now), account, now)
        found = users.find_credentials(connection, login)
    if not passwords.matches(password, found and found.password_hash) or found is None:
        with services.database.begin() as connection:
            login_failures.count(connection, [account, *filter(None, [network])], now)
        raise NotSignedIn(WRONG_LOGIN)
    with services.database.begin() as connection:
        login_failures.forgive(connection, account)
        if passwords.is_outdated(found.password_hash):
            users.change(connection, found.user.id, {"password_hash": passwords.hash_password(password)})
    return found.user


def get_user(services: Services, user_id: UserId) -> User:
    """The caller's account; ``NotSignedIn`` when it is gone."""
    with services.database.begin() as connection:
        user = users.find(connection, user_id)
    if user is None:
        raise NotSignedIn(NO_ACCOUNT)
    return user


def change_profile(services: Services, user_id: UserId, draft: Draft, expected: Expected[User] = None) -> User:
    """Write the sent fields of the profile; raises ``Invalid``."""
    return _change(services, user_id, draft, expected)


def get_plans(services: Services) -> Sequence[Plan]:
    """Every plan there is."""
    with services.database.begin() as connection:
        return users.list_plans(connection)


def choose_plan(services: Services, user_id: UserId, draft: Draft) -> Plan:
    """Put the caller on the plan ``plan_id``, or the one named ``plan``. Raises ``OverQuota`` when they have too much.

    Nothing is paused or deleted for it: that is their choice, and so they are told what does not fit.
    """
    draft.accept()
    chosen = next((plan for plan in get_plans(services) if _is_meant(plan, draft)), None)
    if chosen is None:
        raise Invalid.field("plan_id" if "plan_id" in draft.fields else "plan", "there is no such plan")
    now = services.clock.now()
    with services.database.begin() as connection:
        quotas.check_fit(connection, user_id, quotas.hold(connection, user_id), chosen, now)
        users.change(connection, user_id, {"plan_id": chosen.id})
    return chosen


def _is_meant(plan: Plan, draft: Draft) -> bool:
    return draft.fields["plan_id"] == plan.id if "plan_id" in draft.fields else draft.fields.get("plan") == plan.name


def _change(services: Services, user_id: UserId, draft: Draft, expected: Expected[User] = None) -> User:
    with services.database.begin() as connection:
        user = users.lock(connection, user_id)
        if user and expected:
            expected(user)
        draft.accept()
        user = users.change(connection, user_id, draft.fields)
    if user is None:
        raise NotSignedIn(NO_ACCOUNT)
    return user


def weaknesses(services: Services, draft: Draft, field: str = "password") -> list[Fault]:
    """What is wrong with a password that somebody chose."""
    if field not in draft.fields:
        return []
    weakness = passwords.weakness(draft.fields[field], development=services.settings.development)
    return [Fault(field, weakness)] if weakness else []


def _wait(failed: Mapping[bytes, Failed], account: bytes, now: datetime) -> None:
    for key, (failures, failed_at) in failed.items():
        free = guessing.FREE_OF_ACCOUNT if key == account else guessing.FREE_OF_NETWORK
        until = guessing.waits_until(failures, free, failed_at)
        if until > now:
            raise TooMany(TOO_MANY, (until - now).total_seconds())
