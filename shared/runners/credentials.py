"""Credentials that were typed into a job's input, where a secret should be named instead: they are redacted, too."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.job import JsonValue
from shared.runners.registry import BUILT_IN, CREDENTIALS


def typed_in(job_type: str, job_input: JsonValue) -> Iterator[str]:
    """What the type's schema calls a password, and what the type itself knows to be a credential."""
    kind = BUILT_IN.get(job_type)
    if kind is None or not isinstance(job_input, Mapping):
        return
    yield from _passwords(job_input, kind.input_schema)
    if job_type in CREDENTIALS:
        yield from CREDENTIALS[job_type](job_input)


def _passwords(value: JsonValue, schema: Any) -> Iterator[str]:
    """The texts that a schema gives the format ``password``."""
    if isinstance(value, str):
        if schema.get("format") == "password" and value:
            yield value
        return
    for form in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _passwords(value, form)
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        for name, item in value.items():
            if isinstance(known.get(name), Mapping):
                yield from _passwords(item, known[name])
    elif isinstance(value, list | tuple) and isinstance(schema.get("items"), Mapping):
        for item in value:
            yield from _passwords(item, schema["items"])
