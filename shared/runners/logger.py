"""The ``logger`` job type: writes a line into Cronny's own log."""

import json
import logging
from collections.abc import Mapping

from shared.job import JsonValue
from shared.outcome import Outcome
from shared.runners import JobType, RunContext

MAX_LINE_CHARACTERS = 8192

_log = logging.getLogger("cronny.job")

JOB_TYPE = JobType(
    name="logger",
    title="Log",
    description="Writes its message into the log; any JSON will do, so it also shows what a job before it answered.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Log",
        "type": ["object", "array", "string", "number", "boolean", "null"],
        "properties": {"message": {"title": "Message", "description": "What to write: text, or any other JSON."}},
    },
)


class LoggerRunner:
    """Input {message}, or any JSON, which then is the message; output {message}."""

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Always completes."""
        has_message = isinstance(job_input, Mapping) and "message" in job_input
        message = job_input["message"] if has_message else job_input  # type: ignore[index,call-overload]
        # As JSON, it is one line whatever it holds: nobody can forge a second one.
        line = context.redact(json.dumps(message, ensure_ascii=False))[:MAX_LINE_CHARACTERS]
        traced = {"trigger_id": context.trigger_id, "trace_id": context.trace_id, "attempt": context.attempt}
        _log.info("%s", line, extra=traced)
        return Outcome.completed({"message": message})
