"""Passwords: argon2id with the parameters OWASP's password storage page gives for small machines."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)

# Of nobody's password. Verified for unknown users, so that they take as long as known ones.
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$umBo3hErkoTqUr3z+MZVAA$BpUOY2IQ7RVZqlumxzREIemB41DOE1rQiM1XWEZU9sQ"

MIN_LENGTH = 12
MIN_LENGTH_IN_DEVELOPMENT = 8
MAX_LENGTH = 128

# Long enough for the floor, and still among the first that anybody tries.
_GUESSED_FIRST = frozenset(
    {
        "000000000000",
        "111111111111",
        "112233445566",
        "123123123123",
        "1234567890123",
        "123456789012",
        "1q2w3e4r5t6y",
        "abcdefghijkl",
        "administrator",
        "changemechangeme",
        "iloveyouiloveyou",
        "letmeinletmein",
        "passwordpassword",
        "password1234",
        "password12345",
        "password123456",
        "qwerty123456",
        "qwertyqwerty",
        "qwertyuiop12",
        "qwertyuiop123",
        "welcome12345",
    }
)


def weakness(password: str, *, development: bool) -> str | None:
    """Why this password is refused, as the rest of a sentence about it; None when it will do."""
    least = MIN_LENGTH_IN_DEVELOPMENT if development else MIN_LENGTH
    if len(password) < least:
        return f"must have at least {least} characters"
    if len(password) > MAX_LENGTH:
        return f"may have {MAX_LENGTH} characters at most"
    if not development and password.lower() in _GUESSED_FIRST:
        return "is among the first that anybody guesses; choose another one"
    return None


def hash_password(password: str) -> str:
    """The PHC string to store."""
    return _HASHER.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one that was hashed; always False, and as slow, for None: an unknown user."""
    try:
        return _HASHER.verify(password_hash or NOBODYS_HASH, password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)
