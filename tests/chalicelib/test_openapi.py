"""Routes, the OpenAPI document, its page and docs/api.md say the same."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from chalicelib.application import RESOURCES
from chalicelib.openapi.document import build
from chalicelib.openapi.page import policy
from chalicelib.routes import Route, Routes
from chalicelib.says import reads
from chalicelib.wire.described import told
from tests.chalicelib.agreement import document
from tests.chalicelib.client import Client
from tests.chalicelib.test_docs import DOCS

ROUTES = [route for resource in RESOURCES for route in resource.routes]
OPERATIONS = [
    (f"{method.upper()} {path}", said)
    for path, methods in document()["paths"].items()
    for method, said in methods.items()
]


def name(route: Route) -> str:
    return f"{' '.join(route.methods)} {route.path}"


@pytest.mark.parametrize("route", ROUTES, ids=name)
def test_every_route_says_what_it_takes_and_answers(route: Route) -> None:
    says = "creates, reads, lists, changes, deletes, does or serves"
    assert route.says, f"{name(route)}: add says=... beside the route, with one of {says} of chalicelib/says.py"


def test_the_document_has_every_route_and_no_other(nobody: Client) -> None:
    routes = {(path, method.lower()) for path, methods in nobody.app.routes.items() for method in methods}
    assert {(path, method) for path, methods in document()["paths"].items() for method in methods} == routes


def test_the_document_is_openapi_3_1() -> None:
    validate(document())


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [said["operationId"] for _, said in OPERATIONS]
    assert len(set(names)) == len(names)


def test_every_field_and_parameter_is_described() -> None:
    silent = [
        f"{title}.{field}: describe it with sent(...) or Annotated[..., told(...)] where it is declared"
        for title, schema in document()["components"]["schemas"].items()
        for field, each in schema.get("properties", {}).items()
        if not each.get("description") and not each.get("title")
    ]
    silent += [
        f"{place}: {each['name']}"
        for place, said in OPERATIONS
        for each in said["parameters"]
        if "$ref" not in each and not each["description"]
    ]
    assert silent == []


def test_every_example_of_a_body_is_one_that_the_document_allows() -> None:
    bodies = [
        (place, said["requestBody"]["content"]["application/json"])
        for place, said in OPERATIONS
        if "requestBody" in said
    ]
    examples = [(place, body) for place, body in bodies if "example" in body]
    assert len(examples) > 10
    for place, body in examples:
        validator = jsonschema_rs.Draft202012Validator({**body["schema"], "components": document()["components"]})
        assert not [error.message for error in validator.iter_errors(body["example"])], place


def test_every_word_that_can_be_written_is_in_the_description(alice: Client) -> None:
    """The guide explains each field that clients write, under the name that they write it by."""
    for title, schema in document()["components"]["schemas"].items():
        if title.endswith(("Change", "Request")) or title.startswith("New"):
            assert [field for field in schema["properties"] if f"`{field}`" not in DOCS] == [], title


def test_a_new_field_that_nobody_describes_is_found() -> None:
    routes = Routes("things", prefix="/api")

    @routes("GET", "/things/{thing_id}", says=reads("One thing.", "thing", list[int]))
    def read(*_: Any) -> Any: ...

    @routes("GET", "/silent")
    def silent(*_: Any) -> Any: ...

    made = build((routes,))
    assert list(made["paths"]) == ["/api/things/{thing_id}"]
    assert set(made["paths"]["/api/things/{thing_id}"]["get"]["responses"]) >= {
        "200",
        "304",
        "401",
        "403",
        "404",
        "429",
    }
    assert told("Why.").description == "Why."


def test_the_document_is_kept_until_the_next_release(nobody: Client) -> None:
    answer = nobody.get("/openapi.json")
    assert answer.json == document()
    assert answer.headers["cache-control"].startswith("public, max-age=3600")
    again = nobody.sending(if_none_match=answer.headers["etag"]).get("/openapi.json")
    assert (again.status, again.text, again.headers["cache-control"]) == (304, "", answer.headers["cache-control"])


def test_the_page_shows_every_operation_and_type_and_needs_nothing_from_elsewhere(nobody: Client) -> None:
    answer = nobody.get("/docs")
    page = answer.text
    shown = set(re.findall(r'<details class="operation" id="(\w+)"', page))
    assert {said["operationId"] for _, said in OPERATIONS if not said["operationId"].endswith("_patch")} == shown
    assert {f"type-{title}" for title in document()["components"]["schemas"]} <= set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))
    assert not re.findall(r'(?:src|href)="(?!#|/(?:openapi\.json)?")', page)
    assert "style=" not in page
    assert not re.findall(r"\son\w+=", page)
    assert answer.headers["content-security-policy"] == policy()
    assert "unsafe" not in policy()
    assert len(page) < 300_000


def test_what_the_page_runs_is_what_its_policy_names(nobody: Client) -> None:
    page = nobody.get("/docs").text
    for hashed, block in zip(re.findall(r"sha256-([\w+/=]+)", policy()), _blocks(page), strict=True):
        assert hashed == block


def _blocks(page: str) -> Iterator[str]:
    """As a browser computes it, over what stands between the tags."""
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        yield base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def test_a_new_thing_says_where_it_can_be_read(alice: Client) -> None:
    answer = alice.post("actions", {"name": "a"})
    assert alice.get(answer.headers["location"]).json["action"] == answer.json["action"]
    key = alice.sending(idempotency_key="once").post("actions", {"name": "b"})
    again = alice.sending(idempotency_key="once").post("actions", {"name": "b"})
    assert again.headers["location"] == key.headers["location"]
    assert "location" not in alice.post("job_templates", {"name": "http"}).headers


def test_the_document_is_made_by_who_asks_for_it_and_nobody_else() -> None:
    """The API's cold start loads none of it."""
    code = "import sys, app; print([name for name in sys.modules if name.startswith('chalicelib.openapi')])"
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)) == []
