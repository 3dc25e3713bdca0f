"""`python -m tests.functions.hosted FUNCTION EVENT [MOMENT]`: invocations in the main thread, as Lambda has them.

An EVENT that is a list is one invocation after the other.
"""

import importlib
import json
import signal
import sys

from infra.local.context import Context
from shared import stop

if __name__ == "__main__":
    name, event, *moment = sys.argv[1:]
    # How long an executor lets jobs end: longer than any machine is slow, where a test is about just that.
    stop.MOMENT_SECONDS = float(moment[0]) if moment else stop.MOMENT_SECONDS
    print("begins", flush=True)
    given = json.loads(event)
    for each in given if isinstance(given, list) else [given]:
        answer = importlib.import_module(f"functions.{name}").handler(each, Context(name, 120))
        print("answered", json.dumps(answer), flush=True)
    print("waits", flush=True)
    # For the next event, which never comes.
    signal.pause()
