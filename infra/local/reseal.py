"""`reseal`: seals every secret anew under the key of now; then the key before may go."""

from infra.local import environment
from infra.local.home import Home
from shared import wiring
from shared.errors import Unavailable
from shared.reseal import BEFORE_ALL, Resealed, reseal


def reseal_all(home: Home) -> int:
    """Prints what became of them. Answers 1 when the old key must stay: a secret did not open, or a key is away."""
    with environment.as_a_function(home):
        total, unreadable, batch = 0, 0, Resealed(0, 0, BEFORE_ALL)
        while batch.after is not None:
            try:
                batch = reseal(wiring.services(), batch.after)
            except Unavailable as error:
                print(f"{total} secrets are sealed anew, then: {error}")
                return 1
            total, unreadable = total + batch.sealed, unreadable + batch.unreadable
    print(f"{total} secrets are sealed anew, {unreadable} cannot be opened.")
    return 1 if unreadable else 0
