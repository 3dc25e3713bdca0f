"""What the ``http`` job type is: for the catalogue, and for the forms that are drawn of its input."""

from shared.runners import JobType, assertions
from shared.runners.redirects import MOST_REDIRECTS
from shared.runners.signing import SIGNING_SCHEMA
from shared.runners.statuses import DEFAULT_STATUSES

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# JSON Schema's regular expressions know no flags.
_ANY_CASE = "|".join("".join(f"[{c}{c.lower()}]" for c in method) for method in METHODS)
_RANGE = r"\s*[1-5]\d\d(\s*-\s*[1-5]\d\d)?\s*"

JOB_TYPE = JobType(
    name="http",
    title="HTTP request",
    description="Sends one HTTP request and keeps the answer: status, headers, body and timings.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "HTTP request",
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {
                "type": "string",
                "title": "URL",
                "description": "Where to, beginning with http:// or https://.",
                "minLength": 1,
                "maxLength": 8192,
            },
            "method": {
                "type": "string",
                "title": "Method",
                "description": "One of " + ", ".join(METHODS) + ".",
                "pattern": f"^({_ANY_CASE})$",
                "default": "GET",
            },
            "query": {
                "type": ["object", "null"],
                "title": "Query parameters",
                "description": "Added to the URL; a list repeats its parameter.",
            },
            "headers": {
                "type": ["object", "null"],
                "title": "Headers",
                "description": "Header names and their values.",
                "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            },
            "request_body": {
                "title": "Body",
                "description": "JSON is sent as application/json, text as it is.",
            },
            "auth": {
                "title": "Authentication",
                "description": "What goes into the Authorization header.",
                "oneOf": [
                    {"type": ["null", "object"], "title": "None", "maxProperties": 0},
                    {
                        "type": "object",
                        "title": "User name and password",
                        "required": ["type", "username", "password"],
                        "properties": {
                            "type": {"const": "basic"},
                            "username": {"type": "string", "title": "User name"},
                            "password": {"type": "string", "title": "Password", "format": "password"},
                        },
                    },
                    {
                        "type": "object",
                        "title": "Token",
                        "required": ["type", "token"],
                        "properties": {
                            "type": {"const": "bearer"},
                            "token": {"type": "string", "title": "Token", "format": "password"},
                        },
                    },
                ],
            },
            "expected_status": {
                "title": "Expected status",
                "description": "Any other fails the job: one status, a list, or ranges such as 200-299,404.",
                "default": DEFAULT_STATUSES,
                "oneOf": [
                    {"type": "integer", "minimum": 100, "maximum": 599},
                    {"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 599}, "minItems": 1},
                    {"type": "string", "pattern": f"^{_RANGE}(,{_RANGE})*$"},
                    {"type": "null"},
                ],
            },
            "follow_redirects": {
                "type": ["integer", "null"],
                "title": "Follow redirects",
                "description": "How many redirects are followed; without any, a redirect is the answer.",
                "minimum": 0,
                "maximum": MOST_REDIRECTS,
                "default": 0,
            },
            "assertions": assertions.ASSERTIONS_SCHEMA,
            "signing": SIGNING_SCHEMA,
        },
    },
)
