"""`invoke`: runs one handler once, in this process, where a debugger can stop it."""

import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from infra.local import environment
from infra.local.context import Context
from infra.local.handlers import handler, timeout
from infra.local.home import Home, LocalCloudError


def invoke(home: Home, function: str, event_file: Path) -> int:
    """Prints the log as it comes, then the answer and the duration. Answers 1 when the handler raised."""
    event = _read(event_file)
    with environment.as_a_function(home):
        run = handler(function)
        begin = time.monotonic()
        try:
            answer = run(event, Context(f"cronny-{function}", timeout(function)))
        except Exception:
            traceback.print_exc()
            return 1
        finally:
            print(f"{function} took {(time.monotonic() - begin) * 1000:.0f} ms", file=sys.stderr)
        print(json.dumps(answer, indent=2, default=str))
    return 0


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except OSError as error:
        raise LocalCloudError(f"The event cannot be read: {error}") from error
    except ValueError as error:
        raise LocalCloudError(f"{file} is not JSON: {error}") from error
