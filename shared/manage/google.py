"""Signing in with Google: its public keys are fetched when a token names one that is not known yet."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from shared import tokens
from shared.errors import Conflict, NotFound, NotSignedIn, Unavailable
from shared.google import REFUSED, GooglePerson, person
from shared.runners import RunContext
from shared.services import Services
from shared.store import users
from shared.user import User

OFF = "Signing in with Google is not set up here."
TAKEN = "There is an account with your e-mail address already; log in with its password."
AWAY = "Google's keys cannot be fetched at the moment; try again soon."
# A token may name any key; whoever invents names must not make us ask Google each time.
ASK_EVERY_SECONDS = 60.0
FETCH_SECONDS = 5.0
USERNAMES_TRIED = 20


@dataclass(slots=True)
class _Known:
    """The keys that were fetched last, and when by ``time.monotonic()``."""

    url: str = ""
    keys: Sequence[Mapping[str, Any]] = ()
    asked_at: float = float("-inf")


_known, _alone = _Known(), Lock()


def sign_in_with_google(services: Services, id_token: str) -> User:
    """The account of whoever Google says this is, a new one the first time.

    Raises ``NotSignedIn``; ``Conflict`` when somebody else's account has that address, because nobody ever checked
    whose that account is; ``NotFound`` when Google is not set up here; ``Unavailable`` when its keys are away.
    """
    if not services.settings.google_client_id:
        raise NotFound(OFF)
    claims = _claims(services, id_token)
    who = person(claims, services.settings.google_client_id, services.clock.real_now())
    with services.database.begin() as connection:
        found = users.find_by_google(connection, who.subject)
    return found or _register(services, who)


def _register(services: Services, who: GooglePerson) -> User:
    wanted = "".join(who.email.partition("@")[0].split())[:80] or "user"
    for number in range(USERNAMES_TRIED):
        with services.database.begin() as connection:
            if users.find_credentials(connection, who.email) is not None:
                raise Conflict(TAKEN)
            name = wanted if number == 0 else f"{wanted}{number + 1}"
            if users.find_credentials(connection, name) is None:
                return users.register_google(connection, name, who)
    raise Conflict(TAKEN)


def _claims(services: Services, id_token: str) -> Mapping[str, Any]:
    for _ in range(2):
        try:
            return tokens.claims_of(id_token, _known.keys)
        except LookupError:
            if not _asked(services):
                break
    raise NotSignedIn(REFUSED.format("it names a key that Google does not have"))


def _asked(services: Services) -> bool:
    """Whether Google was asked just now; raises ``Unavailable``."""
    url, now = services.settings.google_keys_url, time.monotonic()
    with _alone:
        if _known.url == url and now - _known.asked_at < ASK_EVERY_SECONDS:
            return False
        outcome = services.runners["http"].run({"url": url}, RunContext(now + FETCH_SECONDS, "google-keys", 0, 1))
        body = outcome.output.get("body") if isinstance(outcome.output, Mapping) else None
        keys = body.get("keys") if isinstance(body, Mapping) else None
        if not outcome.ok or not isinstance(keys, list):
            raise Unavailable(AWAY)
        _known.url, _known.asked_at = url, now
        _known.keys = [key for key in keys if isinstance(key, Mapping)]
        return True
