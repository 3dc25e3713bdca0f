"""Runs a program that must not outlive whoever started it: `python leash.py PROGRAM ARGUMENT ...`.

The program gets a session of its own, so that Ctrl-C does not reach it. When our standard input ends, which also
happens when our parent is killed, everything in its session is asked to stop, and a moment later killed. When the
program ends by itself, what it leaves is killed at once.
"""

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 3.0


def main(command: list[str]) -> int:
    """Runs `command` until it ends or standard input does; answers its exit status."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_default_signals)
    stopping = threading.Event()
    stopper = threading.Thread(target=_stop_at_end_of_input, args=[program, stopping], daemon=True)
    stopper.start()
    status = program.wait()
    if stopping.is_set():
        stopper.join()
    _signal_all(program, signal.SIGKILL)
    return status


def _default_signals() -> None:
    # An ignored signal stays ignored in the program that is started.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _stop_at_end_of_input(program: "subprocess.Popen[bytes]", stopping: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stopping.set()
    deadline = time.monotonic() + GRACE_SECONDS
    # The emulator ends before its workers: those have the rest of the time to hand back what they were doing.
    left = _signal_all(program, signal.SIGTERM)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = _signal_all(program, 0)
    _signal_all(program, signal.SIGKILL)


def _signal_all(program: "subprocess.Popen[bytes]", number: int) -> bool:
    """Answers whether anything is left to take the signal; 0 only asks."""
    # The session's process group still exists when only the program's own children are left in it.
    try:
        os.killpg(program.pid, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
