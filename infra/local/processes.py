"""Looking at the processes of this machine, to find what a killed session left behind."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def command(pid: int) -> str:
    """The command line of a process; empty when there is none, or only its zombie."""
    if not (PROC / "self").exists():
        listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return listed.stdout.strip()
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def kill_all_with(text: str) -> int:
    """Kills every process whose command line contains `text`; answers how many. Never this one."""
    found = [pid for pid, line in _everything() if text in line and pid != os.getpid()]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def _everything() -> Iterator[tuple[int, str]]:
    if (PROC / "self").exists():
        yield from ((int(entry.name), command(int(entry.name))) for entry in PROC.iterdir() if entry.name.isdigit())
        return
    listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, _, rest = line.strip().partition(" ")
        yield int(pid), rest
