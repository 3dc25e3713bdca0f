"""Notices that a source file changed."""

from collections.abc import Iterator
from pathlib import Path

from infra.artifact import SOURCES


class Changes:
    """Compares the times and sizes of everything that is deployed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known = self._look()

    def any(self) -> bool:
        """Whether something changed since the last call."""
        now = self._look()
        changed, self._known = now != self._known, now
        return changed

    def _look(self) -> dict[str, tuple[int, int]]:
        return {str(file): (file.stat().st_mtime_ns, file.stat().st_size) for file in self._files()}

    def _files(self) -> Iterator[Path]:
        for name in (*SOURCES, "template.yaml", "requirements.txt"):
            place = self._root / name
            found = place.rglob("*") if place.is_dir() else [place]
            yield from (file for file in found if file.is_file() and file.suffix != ".pyc")
