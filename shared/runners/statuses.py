"""Which HTTP statuses count as success: ``200-299,404``, one status, or a list of them."""

import re
from dataclasses import dataclass

from shared.errors import Invalid
from shared.job import JsonValue

DEFAULT_STATUSES = "200-399"

_PART = re.compile(r"\s*(\d{3})(?:\s*-\s*(\d{3}))?\s*")


@dataclass(frozen=True, slots=True)
class ExpectedStatuses:
    """A set of statuses that remembers how it was written."""

    written: str
    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, status: int) -> bool:
        return any(low <= status <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return self.written

    @classmethod
    def parse(cls, value: JsonValue) -> "ExpectedStatuses":
        """Null and "" mean 200-399. Raises ``Invalid`` that names ``expected_status``."""
        parts = value if isinstance(value, list | tuple) else [DEFAULT_STATUSES if value in (None, "") else value]
        written = ",".join(str(part) for part in parts)
        matches = [_PART.fullmatch(part) for part in written.split(",")]
        ranges = tuple((int(m[1]), int(m[2] or m[1])) for m in matches if m is not None)
        if len(ranges) < len(matches) or any(not 100 <= low <= high <= 599 for low, high in ranges):
            raise Invalid.field("expected_status", 'it must be a status, a list, or ranges such as "200-299,404"')
        return cls(written, ranges)
