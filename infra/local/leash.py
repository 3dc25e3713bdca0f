"""Runs a program that must not outlive whoever started it: `python leash.py PROGRAM ARGUMENT ...`.

The program gets a session of its own, so that Ctrl-C does not reach it. When our standard input ends, which also
happens when our parent is killed, the program is asked to stop; then everything in its session is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 3.0


def main(command: list[str]) -> int:
    """Runs `command` until it ends or standard input does; answers its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_default_signals)
    threading.Thread(target=_stop_at_end_of_input, args=[program], daemon=True).start()
    status = program.wait()
    _signal_all(program, signal.SIGKILL)
    return status


def _default_signals() -> None:
    # An ignored signal stays ignored in the program that is started.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _stop_at_end_of_input(program: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 4096):
        pass
    _signal_all(program, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(GRACE_SECONDS)
    _signal_all(program, signal.SIGKILL)


def _signal_all(program: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    # The session's process group still exists when only the program's own children are left in it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
