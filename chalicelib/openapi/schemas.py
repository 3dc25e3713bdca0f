"""From types to JSON Schemas: each named type once, under ``components/schemas``."""

import copy
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from chalicelib.says import Says, Shape
from chalicelib.wire.described import Schema
from chalicelib.wire.drafts import Wire
from shared.runners.registry import BUILT_IN

PREFIX = "#/components/schemas/"
MODES = ("validation", "serialization")

# Behind a validator of its own, pydantic leaves the names of bounds as they are in Python.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


class _Generator(GenerateJsonSchema):
    """Without titles, which repeat names, and without defaults: that of a ``Wire`` says only that a field is absent."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class Schemas:
    """The schemas of everything that these routes take and answer."""

    def __init__(self, said: Iterable[Says], others: Iterable[Any]) -> None:
        found = [*others]
        for says in said:
            found += _types(says)
        self._keys = {repr(each): TypeAdapter(each) for each in found}
        inputs = [(key, mode, adapter) for key, adapter in self._keys.items() for mode in [_mode(adapter)]]
        refs, defs = TypeAdapter.json_schemas(inputs, ref_template=PREFIX + "{model}", schema_generator=_Generator)
        self._refs = {key: _polished(schema) for (key, _), schema in refs.items()}
        self._raw = {name: _polished(schema) for name, schema in defs.get("$defs", {}).items()}
        _inherit(self._raw)
        # What is sent gets its name from what is done with it: see ``body``.
        self.components = {_stem(name): each for name, each in self._raw.items() if not _is_sent(name)}
        for kind in BUILT_IN.values():
            self.components[f"{_stem(kind.name.title())}Input"] = _job_type(kind.input_schema)

    def of(self, given: Any) -> Schema:
        """The schema of a type: a reference where it has a name."""
        return copy.deepcopy(self._refs[repr(given)])

    def answer(self, shape: Shape | type) -> Schema:
        """The schema of an answer."""
        if isinstance(shape, type):
            return self.of(shape)
        properties = {name: self.of(each) for name, each in shape.items()}
        if "message" in properties:
            properties["message"]["description"] = "For people."
        if "next_cursor" in properties:
            properties["next_cursor"]["description"] = "The cursor of the next page; null means that nothing follows."
        return {"type": "object", "required": list(properties), "properties": properties}

    def sent(self, model: type[Wire]) -> Schema:
        """The schema of a model's own fields, in place."""
        return copy.deepcopy(self._raw[model.__name__])

    def body(self, says: Says) -> Schema:
        """A reference to the schema of a body, by the name of what it is for."""
        assert says.takes is not None
        stem = _stem(says.takes.__name__)
        changes = says.guarded and says.takes.__name__.endswith("Fields") and not says.picks
        name = f"New{stem}" if says.makes else f"{stem}Change" if changes else f"{stem}Request"
        schema = self.sent(says.takes)
        if says.complete:
            schema["required"] = list(says.takes.required)
        if says.picks:
            _pick(schema, self.sent(says.picks))
        self.components[name] = schema
        return {"$ref": PREFIX + name}


def _types(says: Says) -> Iterator[Any]:
    for shape in says.answers.values():
        if isinstance(shape, Mapping):
            yield from shape.values()
        elif not isinstance(shape, str):
            yield shape
    yield from (model for model in (says.takes, says.picks, *says.asks) if model)


def _mode(adapter: TypeAdapter[Any]) -> Any:
    kind = adapter.core_schema["type"]
    return MODES[0] if kind in ("model", "definitions") and _is_wire(adapter) else MODES[1]


def _is_wire(adapter: TypeAdapter[Any]) -> bool:
    return isinstance(adapter._type, type) and issubclass(adapter._type, Wire)


def _is_sent(name: str) -> bool:
    return name in {model.__name__ for model in _all_wires(Wire)}


def _all_wires(model: type[Wire]) -> Iterator[type[Wire]]:
    for each in model.__subclasses__():
        yield each
        yield from _all_wires(each)


def _stem(name: str) -> str:
    return re.sub(r"(Fields|Json)$|\W", "", name)


def _pick(schema: Schema, filters: Schema) -> None:
    """Which things a change of many is for: their ids, or a filter."""
    filters["description"] = "As the list is narrowed; an empty one means all of them."
    filters["additionalProperties"] = False
    schema["properties"]["filter"] = {"anyOf": [filters, {"type": "null"}], "description": "Instead of ids."}


def _job_type(schema: Any) -> Schema:
    return {name: each for name, each in copy.deepcopy(dict(schema)).items() if name != "$schema"}


def _polished(schema: Any) -> Any:
    """References to our own names, plain words, and the schemas of job types where an input may be one of them."""
    if isinstance(schema, list):
        return [_polished(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-job-input"):
        refs = [{"$ref": f"{PREFIX}{_stem(name.title())}Input"} for name in BUILT_IN]
        anything = {"description": "A template, which job's output, or the text of JSON: see job_input_type."}
        return {"anyOf": [*refs, anything], **{k: v for k, v in schema.items() if k != "x-job-input"}}
    kept = {_BOUNDS.get(name, name): each for name, each in schema.items() if name != "title" or isinstance(each, dict)}
    polished = {name: _polished(each) for name, each in kept.items()}
    if isinstance(ref := polished.get("$ref"), str):
        polished["$ref"] = PREFIX + _stem(ref.removeprefix(PREFIX))
    if isinstance(told := polished.get("description"), str):
        polished["description"] = " ".join(told.replace("``", "").split())
    return polished


def _inherit(defs: Mapping[str, Schema]) -> None:
    """What is read means what the field of the same name means that is sent."""
    meant: dict[str, set[str]] = defaultdict(set)
    for schema in defs.values():
        for name, each in schema.get("properties", {}).items():
            if "description" in each:
                meant[name].add(each["description"])
    for title, schema in defs.items():
        own = defs.get(f"{_stem(title)}Fields", {}).get("properties", {})
        for name, each in schema.get("properties", {}).items():
            agreed = next(iter(meant[name])) if len(meant[name]) == 1 else None
            said = each.get("description") or own.get(name, {}).get("description") or agreed
            each.update({"description": said} if said else {"description": "Its id."} if name == "id" else {})
