"""The golden table of clock changes."""

from pathlib import Path

from tests.time.golden import lines


def test_clock_changes_are_as_agreed_line_by_line() -> None:
    agreed = (Path(__file__).parent / "golden.txt").read_text().splitlines()
    assert list(lines()) == agreed
