"""`serve`: hosts one function in this process, where a debugger can stop it.

Several of each can run side by side against one DB_HOST and one CRONNY_QUEUE_URL; without these they join the
running local cloud. SIGTERM and Ctrl-C let what runs come to its end, within `DRAIN_SECONDS`; a second one, at once.
"""

import os
import signal
import threading
import traceback
from functools import partial
from types import FrameType

from functions import stopping
from infra.local import environment, gateway, polling
from infra.local.context import Context
from infra.local.handlers import handler, timeout
from infra.local.home import Home
from shared.settings import Settings

# EventBridge's timer calls creator and cleaner this often, whether the previous call has ended or not.
MINUTE = 60.0
# Then executors hand back what they cannot end. Two seconds before `docker stop` would kill us.
DRAIN_SECONDS = 7.0


def serve(home: Home, function: str, port: int | None, threads: int) -> None:
    """Runs until SIGINT or SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, partial(_ask, stop))
    signal.signal(signal.SIGINT, _as_sigterm)
    with environment.as_a_function(home):
        if function == "api":
            gateway.run(Settings.load(os.environ).port if port is None else port, stop)
        elif function == "executor":
            polling.run(threads, stop)
        else:
            _repeat(function, stop)


def _ask(stop: threading.Event, number: int, frame: FrameType | None) -> None:
    """First take no more work; then, or when we are asked again, have what runs be handed back."""
    patience = 0.0 if stop.is_set() else DRAIN_SECONDS
    stop.set()
    hurry = threading.Timer(patience, stopping.ask_all)
    hurry.daemon = True
    hurry.start()


def _as_sigterm(number: int, frame: FrameType | None) -> None:
    # A handler that is running may have put its own, graceful answer to SIGTERM in the place of ours.
    os.kill(os.getpid(), signal.SIGTERM)


def _repeat(function: str, stop: threading.Event) -> None:
    """Calls the creator again as soon as it leaves, for it loops by itself; the cleaner once a minute."""
    run = handler(function)
    print(f"The {function} runs in process {os.getpid()}.", flush=True)
    while not stop.is_set():
        try:
            run({}, Context(f"cronny-{function}", timeout(function)))
        except Exception:
            # What a timer calls is called again, whatever became of it.
            traceback.print_exc()
            stop.wait(1.0)
        if function != "creator":
            stop.wait(MINUTE)
