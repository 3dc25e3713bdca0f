"""What a client has seen of the thing that it changes."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Given the thing as it stands; raises whatever says that it is not what the client has seen. Verbs call it once the
# thing is locked, so that nothing changes between this look and their write; None is for clients that do not care.
Expected = Callable[[T], None] | None
