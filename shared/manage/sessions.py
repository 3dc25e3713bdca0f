"""Signing in and staying so: sessions, their access tokens, and refresh tokens that rotate."""

from collections.abc import Callable
from datetime import datetime

from shared import passwords, tokens
from shared.errors import Conflict, Fault, Forbidden, Invalid, NotSignedIn
from shared.identity import (
    KEY_PREFIX,
    SECOND_USE_IS_HASTE,
    SESSION_LASTS,
    Caller,
    Scope,
    Signed,
    digest,
    key_id_of,
    new_refresh_token,
)
from shared.manage.accounts import weaknesses
from shared.manage.draft import Draft
from shared.services import Services
from shared.store import Connection, api_keys, sessions, users
from shared.user import UserId

ENDED = "This session has ended; log in again."
NO_KEY = "This API key is not valid."
STOLEN = "This refresh token was used before, so the session has been ended; log in again."
HASTE = "This session was refreshed a moment ago; go on with the tokens of that answer."
NO_SCOPE = "This API key may not do that: it needs the scope {}."
NO_KEY_MAY = "No API key may do that: log in."
WRONG_PASSWORD = "is not your password"  # noqa: S105


def sign_in(services: Services, user_id: UserId) -> Signed:
    """A new session of somebody whose password, or whatever else, was checked."""
    now = services.clock.real_now()
    with services.database.begin() as connection:
        session_id = sessions.open_session(connection, user_id, now, now + SESSION_LASTS)
        return _signed(services, connection, tokens.Bearer(user_id, session_id), now)


def refresh(services: Services, token: str) -> Signed:
    """The session's next tokens; the one that was sent is used up.

    One that was used before is stolen, or its successor is: the session ends. Raises ``NotSignedIn``, and ``Conflict``
    for a second use within moments, which ends nothing.
    """
    now = services.clock.real_now()
    with services.database.begin() as connection:
        found = sessions.find_token(connection, digest(token))
        if found is None or found.revoked_at is not None or found.expires_at <= now:
            raise NotSignedIn(ENDED)
        if found.used_at is None:
            sessions.use(connection, found.id, digest(token), now, now + SESSION_LASTS)
            return _signed(services, connection, tokens.Bearer(found.user_id, found.id), now)
        if now - found.used_at < SECOND_USE_IS_HASTE:
            raise Conflict(HASTE)
        sessions.revoke(connection, found.id, now)
    # Outside of the transaction, which must not be rolled back.
    raise NotSignedIn(STOLEN)


def sign_out(services: Services, caller: Caller, everywhere: bool) -> None:
    """End the caller's session, or all of them."""
    now = services.clock.real_now()
    with services.database.begin() as connection:
        if everywhere:
            sessions.revoke_all(connection, caller.user_id, now)
        elif caller.session_id is not None:
            sessions.revoke(connection, caller.session_id, now)


def change_password(services: Services, caller: Caller, draft: Draft) -> Signed:
    """Put ``new_password`` in the place of ``password``. All sessions end; the answer is a new one."""
    draft.accept(weaknesses(services, draft, "new_password"))
    with services.database.begin() as connection:
        known = users.password_hash(connection, caller.user_id)
    if not passwords.matches(draft.fields["password"], known):
        raise Invalid([Fault("password", WRONG_PASSWORD)])
    changed = {"password_hash": passwords.hash_password(draft.fields["new_password"])}
    now = services.clock.real_now()
    with services.database.begin() as connection:
        users.change(connection, caller.user_id, changed)
        sessions.revoke_all(connection, caller.user_id, now)
    return sign_in(services, caller.user_id)


def identify(services: Services, credentials: str, scope: Scope) -> Caller:
    """Whose access token or API key this is. Raises ``NotSignedIn``, and ``Forbidden`` for a key without the scope."""
    known: Callable[[Services, str], Caller] = _by_key if credentials.startswith(KEY_PREFIX) else _by_token
    caller = known(services, credentials)
    if scope not in caller.scopes:
        raise Forbidden(NO_KEY_MAY if scope is Scope.ACCOUNT else NO_SCOPE.format(scope))
    return caller


def _by_token(services: Services, token: str) -> Caller:
    now = services.clock.real_now()
    bearer = tokens.read(token, services.settings.jwt_secrets, now)
    with services.database.begin() as connection:
        owner = sessions.user_of(connection, bearer.session_id, now)
    if owner is None or owner[0] != bearer.user_id:
        raise NotSignedIn(ENDED)
    return Caller(bearer.user_id, bearer.session_id, frozenset(Scope), owner[1])


def _by_key(services: Services, secret: str) -> Caller:
    key_id, now = key_id_of(secret), services.clock.real_now()
    if key_id is None:
        raise NotSignedIn(NO_KEY)
    with services.database.begin() as connection:
        known = api_keys.look_up(connection, key_id)
        if known is None or known.hash != digest(secret) or (known.expires_at and known.expires_at <= now):
            raise NotSignedIn(NO_KEY)
        api_keys.note_use(connection, key_id, now)
    return Caller(known.user_id, None, known.scopes, known.rate)


def _signed(services: Services, connection: Connection, bearer: tokens.Bearer, now: datetime) -> Signed:
    token = new_refresh_token()
    sessions.issue(connection, bearer.session_id, digest(token), now)
    access = tokens.issue(bearer, services.settings.jwt_secrets, now)
    return Signed(bearer.user_id, access, int(tokens.LIFETIME.total_seconds()), token)
