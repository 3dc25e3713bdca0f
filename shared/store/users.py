"""SQL of accounts: users and the plan each of them is on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update

from shared.google import GooglePerson
from shared.store.tables import plans, users
from shared.user import Plan, PlanId, User, UserId

_HIDDEN = ("password_hash", "google_subject")
_VISIBLE = tuple(column for column in users.c if column.name not in _HIDDEN)
# No password has this hash.
NO_PASSWORD = "!"  # noqa: S105
_MINE = users.c.id == bindparam("user")

REGISTER = insert(users).returning(*_VISIBLE)
FIND = select(*_VISIBLE).where(_MINE)
BY_EMAIL = select(*_VISIBLE, users.c.password_hash).where(func.lower(users.c.email) == func.lower(bindparam("login")))
BY_USERNAME = select(*_VISIBLE, users.c.password_hash).where(
    func.lower(users.c.username) == func.lower(bindparam("login"))
)
BY_GOOGLE = select(*_VISIBLE).where(users.c.google_subject == bindparam("subject"))
PASSWORD_HASH = select(users.c.password_hash).where(_MINE)
LOCK = FIND.with_for_update(key_share=True)
CHANGE = update(users).where(_MINE).values(updated_at=func.now()).returning(*_VISIBLE)
PLANS = select(plans).order_by(plans.c.id)


class Credentials(NamedTuple):
    """A user and the hash that a password must match."""

    user: User
    password_hash: str


def register(connection: Connection, username: str, email: str, password_hash: str) -> User:
    """A new user; raises ``Conflict`` for a taken name or address."""
    row = {"username": username, "email": email, "password_hash": password_hash}
    return _user(connection.execute(REGISTER, row).one())


def register_google(connection: Connection, username: str, who: GooglePerson) -> User:
    """A new user whom Google vouches for; raises ``Conflict`` for a taken name or address."""
    row = {"username": username, "email": who.email, "password_hash": NO_PASSWORD, "google_subject": who.subject}
    names = {"first_name": who.first_name, "last_name": who.last_name}
    return _user(connection.execute(REGISTER, row | names).one())


def find_by_google(connection: Connection, subject: str) -> User | None:
    """The user who is this to Google."""
    row = connection.execute(BY_GOOGLE, {"subject": subject}).one_or_none()
    return _user(row) if row else None


def find(connection: Connection, user_id: UserId) -> User | None:
    """The user with this id."""
    row = connection.execute(FIND, {"user": user_id}).one_or_none()
    return _user(row) if row else None


def lock(connection: Connection, user_id: UserId) -> User | None:
    """The same, held until the transaction ends."""
    row = connection.execute(LOCK, {"user": user_id}).one_or_none()
    return _user(row) if row else None


def find_credentials(connection: Connection, login: str) -> Credentials | None:
    """Whom this username or e-mail address belongs to. No username has an ``@``, so they cannot be confused."""
    row = connection.execute(BY_EMAIL if "@" in login else BY_USERNAME, {"login": login}).one_or_none()
    return Credentials(_user(row), row.password_hash) if row else None


def password_hash(connection: Connection, user_id: UserId) -> str | None:
    """What their password must match."""
    return connection.execute(PASSWORD_HASH, {"user": user_id}).scalar_one_or_none()


def change(connection: Connection, user_id: UserId, changes: Mapping[str, Any]) -> User | None:
    """Write these columns of the user; None when there is no such user any more."""
    row = connection.execute(CHANGE, {**changes, "user": user_id}).one_or_none()
    return _user(row) if row else None


def list_plans(connection: Connection) -> tuple[Plan, ...]:
    """Every plan, smallest first."""
    return tuple(Plan(**row._mapping) for row in connection.execute(PLANS))


def _user(row: Any) -> User:
    return User(**{column.name: getattr(row, column.name) for column in _VISIBLE} | {"plan_id": PlanId(row.plan_id)})
