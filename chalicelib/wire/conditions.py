"""What the document says of conditions and retry policies, whose readers are shared.conditions and shared.retry."""

from chalicelib.wire.described import Schema
from shared.conditions import MAX_FILTERS, MAX_FORK, MAX_RULES, VERSION
from shared.failure import FailureKind
from shared.job import Comparison
from shared.retry import LONGEST_SECONDS, MAX_ATTEMPTS, Backoff, Jitter, RetryPolicy

_USUAL = RetryPolicy()

_FILTER: Schema = {
    "type": "object",
    "required": ["name", "comparison_type"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "A JMESPath into the job's output."},
        "should_match": {"type": "boolean", "default": True, "description": "False turns the comparison round."},
        "comparison_type": {"enum": list(Comparison), "description": "How it is compared."},
        "value": {"description": "What it is compared with."},
    },
}
_JOB_ID: Schema = {"type": "integer", "minimum": 1}
_RULE: Schema = {
    "type": "object",
    "required": ["job_id"],
    "properties": {
        "filters": {"type": "array", "maxItems": MAX_FILTERS, "items": _FILTER, "description": "All have to hold."},
        "when": {"type": ["string", "null"], "description": "A JMESPath that must find something true."},
        "job_id": {
            "anyOf": [_JOB_ID, {"type": "array", "minItems": 1, "maxItems": MAX_FORK, "items": _JOB_ID}],
            "description": "Which job of the same action follows, or a list of several that all do.",
        },
    },
}
CONDITION: Schema = {
    "type": "object",
    "properties": {
        "version": {"const": VERSION, "description": "Of this format."},
        "condition_rules": {
            "type": "array",
            "maxItems": MAX_RULES,
            "items": _RULE,
            "description": "The first rule that holds names what runs next; if none does, nothing follows.",
        },
    },
}
RETRY: Schema = {
    "type": "object",
    "properties": {
        "max_attempts": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_ATTEMPTS,
            "default": _USUAL.max_attempts,
            "description": "How many more attempts may follow the first.",
        },
        "backoff": {
            "enum": list(Backoff),
            "default": _USUAL.backoff.value,
            "description": "Whether each wait is twice the one before, or always base.",
        },
        "base": {
            "type": "number",
            "minimum": 0,
            "maximum": LONGEST_SECONDS,
            "default": _USUAL.base_seconds,
            "description": "Seconds: the first wait.",
        },
        "cap": {
            "type": "number",
            "minimum": 1,
            "maximum": LONGEST_SECONDS,
            "default": _USUAL.cap_seconds,
            "description": "Seconds: the longest wait.",
        },
        "jitter": {
            "enum": list(Jitter),
            "default": _USUAL.jitter.value,
            "description": "Whether a wait is anything up to its full length.",
        },
        "on": {
            "type": "array",
            "minItems": 1,
            "items": {"enum": list(FailureKind)},
            "default": sorted(_USUAL.on),
            "description": "The kinds of failure after which it is tried again.",
        },
    },
}
