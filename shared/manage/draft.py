"""What a client asks to be written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.errors import Fault, Invalid


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields that were sent and could be understood, and what was wrong with the others.

    A field that was not sent is absent, which is not the same as None: None asks to clear it. Verbs add what they find
    to ``faults``, so that a client reads everything at once.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def understood(self, *names: str) -> bool:
        """Whether none of these top-level fields has a fault already."""
        return not any(fault.field.split(".")[0].split("[")[0] in names for fault in self.faults)

    def accept(self, found: Iterable[Fault] = ()) -> None:
        """Raise ``Invalid`` with every fault, the draft's own first, unless there is none."""
        if faults := (*self.faults, *found):
            raise Invalid(faults)
