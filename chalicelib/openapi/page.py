"""The document as a page for people: one file that needs nothing from elsewhere and works without scripts, too."""

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from chalicelib.openapi.document import text
from chalicelib.openapi.types import in_words

HERE = Path(__file__).parent
BASE = "/api/cronny/v1"


@cache
def page() -> str:
    """The whole page; made once in a process, by the first who asks."""
    return render(json.loads(text()))


@cache
def policy() -> str:
    """Content-Security-Policy: our own style and script, known by what is in them, and nothing else at all."""
    style, script = _hash("page.css"), _hash("page.js")
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; form-action 'none'; frame-ancestors 'none';"
        " base-uri 'none'"
    )


def render(document: Any) -> str:
    """The page of a document."""
    listed = [(tag, list(_operations(document, tag["name"]))) for tag in document["tags"]]
    resources = "".join(_resource(document, tag, found) for tag, found in listed)
    types = "".join(_type(name, schema) for name, schema in document["components"]["schemas"].items())
    navigation = "".join(_links(tag, found) for tag, found in listed)
    paragraphs = "".join(f"<p>{html.escape(part)}</p>" for part in document["info"]["description"].split("\n\n"))
    return (
        _source("page.html")
        .replace("{style}", _source("page.css"))
        .replace("{script}", _source("page.js"))
        .replace("{version}", html.escape(document["info"]["version"]))
        .replace("{introduction}", paragraphs)
        .replace("{navigation}", navigation)
        .replace("{resources}", resources)
        .replace("{problems}", _problems(document))
        .replace("{types}", types)
    )


def _operations(document: Any, tag: str) -> Iterator[tuple[str, list[str], Any]]:
    """Path, methods and operation; PUT and PATCH do the same, and are shown once."""
    for path, methods in document["paths"].items():
        known = [(method, said) for method, said in methods.items() if tag in said["tags"]]
        for _, group in groupby(known, key=lambda item: item[1]["summary"]):
            found = list(group)
            yield path, [method.upper() for method, _ in found], found[0][1]


def _links(tag: Any, found: Iterable[tuple[str, list[str], Any]]) -> str:
    items = "".join(
        f'<li><a href="#{said["operationId"]}">{_methods(methods)}<span>{html.escape(said["summary"])}</span></a></li>'
        for _, methods, said in found
    )
    return f"<h3>{_title(tag)}</h3><ul>{items}</ul>"


def _resource(document: Any, tag: Any, found: Iterable[tuple[str, list[str], Any]]) -> str:
    operations = "".join(_operation(document, path, methods, said) for path, methods, said in found)
    told = html.escape(tag.get("description", ""))
    return f"<section><h2>{_title(tag)}</h2><p>{told}</p>{operations}</section>"


def _title(tag: Any) -> str:
    return html.escape(tag["name"].capitalize().replace("Api ", "API "))


def _operation(document: Any, path: str, methods: list[str], said: Any) -> str:
    body = said.get("requestBody", {}).get("content", {}).get("application/json", {})
    parameters = [_resolved(document, each) for each in said["parameters"]]
    place = f"<small>{BASE}</small>{path.removeprefix(BASE)}" if path.startswith(BASE) else path
    return (
        f'<details class="operation" id="{said["operationId"]}"><summary>{_methods(methods)}<code>{place}</code>'
        f"<span>{html.escape(said['summary'])}</span></summary>"
        f"<p>{_who(said['security'])}</p>"
        + (_table("Parameters", map(_parameter, parameters)) if parameters else "")
        + (_table("Body", _fields(document, body["schema"])) if body else "")
        + _example(path, methods[0], said, parameters, body)
        + _answers(said["responses"])
        + "</details>"
    )


def _methods(methods: Iterable[str]) -> str:
    return "".join(f'<b class="{method.lower()}">{method}</b>' for method in methods)


def _who(security: list[dict[str, list[str]]]) -> str:
    scopes = [scope for each in security for scope in each.get("apiKey", [])]
    if not security:
        return "For everybody, without a token."
    return (
        f"With a token, or an API key of the scope <code>{scopes[0]}</code>." if scopes else "With a token of a login."
    )


def _resolved(document: Any, said: Any) -> Any:
    if "$ref" not in said:
        return said
    _, _, kind, name = said["$ref"].split("/")
    return document["components"][kind][name]


Row = tuple[str, str, str]


def _table(title: str, rows: Iterable[Row]) -> str:
    lines = "".join(f"<tr><td>{name}</td><td>{kind}</td><td>{told}</td></tr>" for name, kind, told in rows)
    head = f"<h4>{title}</h4>" if title else ""
    return f"{head}<table><tbody>{lines}</tbody></table>"


def _parameter(said: Any) -> Row:
    needed = " <em>needed</em>" if said.get("required") else ""
    kind = f"{in_words(said['schema'])} <i>in the {said['in']}</i>"
    return f"<code>{said['name']}</code>{needed}", kind, html.escape(said.get("description", ""))


def _fields(document: Any, schema: Any) -> Iterator[Row]:
    whole = _resolved(document, schema)
    for name, each in whole.get("properties", {}).items():
        needed = " <em>needed</em>" if name in whole.get("required", []) else ""
        yield f"<code>{html.escape(name)}</code>{needed}", in_words(each), html.escape(each.get("description", ""))


def _answers(responses: Any) -> str:
    """Its own answers; those that many routes have are told in a section of their own."""
    own = [_answer(status, said) for status, said in responses.items() if "$ref" not in said]
    links = [f'<a href="#{_anchor(said)}">{status}</a>' for status, said in responses.items() if "$ref" in said]
    return _table("Answers", own) + (f'<p class="others">Or {" ".join(links)}</p>' if links else "")


def _anchor(said: Any) -> str:
    return "answer-" + str(said["$ref"].rpartition("/")[2])


def _problems(document: Any) -> str:
    """The answers that many routes have, by their status."""
    operations = [said for methods in document["paths"].values() for said in methods.values()]
    answers = [item for said in operations for item in said["responses"].items() if "$ref" in item[1]]
    known = {_anchor(said): (status, _resolved(document, said)) for status, said in answers}
    rows = ((anchor, _answer(*each)) for anchor, each in sorted(known.items(), key=lambda item: item[1][0]))
    return "".join(f'<tr id="{anchor}">{"".join(f"<td>{cell}</td>" for cell in row)}</tr>' for anchor, row in rows)


def _answer(status: str, response: Any) -> Row:
    contents = response.get("content", {})
    kinds = [_content(media_type, each["schema"]) for media_type, each in contents.items()]
    headers = " ".join(f"<code>{name}</code>" for name in response.get("headers", {}))
    told = html.escape(response["description"]) + (f" <i>with</i> {headers}" if headers else "")
    return f"<code>{status}</code>", ", ".join(kinds), told


def _content(media_type: str, schema: Any) -> str:
    if schema.get("properties"):
        inner = ", ".join(f"{html.escape(name)}: {in_words(each)}" for name, each in schema["properties"].items())
        return f"{{{inner}}}"
    return in_words(schema) if "json" in media_type and "$ref" in schema else html.escape(media_type)


def _example(path: str, method: str, said: Any, parameters: Iterable[Any], body: Any) -> str:
    place = path.replace("{host}", "api.example.org%3A443")
    for each in parameters:
        place = place.replace(f"{{{each['name']}}}", "1")
    needed = [f"{each['name']}=1" for each in parameters if each["in"] == "query" and each["required"]]
    where = f"$CRONNY{place}" + (f"?{'&'.join(needed)}" if needed else "")
    implied = method == "GET" or (method == "POST" and body)
    words = ["curl", *([] if implied else ["-X", method]), f'"{where}"']
    words += ['-H "Authorization: Bearer $TOKEN"'] if said["security"] else []
    sent = [f"\\\n  -d '{json.dumps(body['example'], ensure_ascii=False)}'"] if "example" in body else []
    line = html.escape(" ".join([*words, *sent]))
    return f'<h4>Example</h4><div class="example"><pre>{line}</pre><button type="button" hidden>Copy</button></div>'


def _type(name: str, schema: Any) -> str:
    rows = _table("", _fields({}, schema)) if "properties" in schema else f"<p>{in_words(schema)}</p>"
    told = html.escape(schema.get("description", ""))
    summary = f"<summary><code>{name}</code><span>{told}</span></summary>"
    return f'<details class="type" id="type-{name}">{summary}{rows}</details>'


def _source(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def _hash(name: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(_source(name).encode()).digest()).decode()
