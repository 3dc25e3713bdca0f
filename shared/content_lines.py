"""The content lines of an iCalendar text (RFC 5545, 3.1 and 3.4), and which of them are an event's. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Property:
    """A content line: its parameters and its value."""

    parameters: dict[str, str]
    value: str


@dataclass(slots=True)
class Event:
    """The properties of a VEVENT; of those that may be repeated all, of the others the last one counts."""

    number: int
    found: dict[str, list[Property]] = field(default_factory=dict)

    def last(self, name: str) -> Property | None:
        """The last property of that name."""
        return self.found[name][-1] if name in self.found else None

    def value(self, name: str) -> str:
        """Its value, empty without one."""
        found = self.last(name)
        return found.value if found else ""


def events(text: str) -> Iterator[Event]:
    """The events of a text. Raises ``ValueError``."""
    lines = re.sub(r"\r?\n[ \t]", "", text.strip()).splitlines()
    if not lines or lines[0].strip().upper() != "BEGIN:VCALENDAR":
        raise ValueError("is no iCalendar text: it begins with BEGIN:VCALENDAR")
    inside: list[str] = []
    event, number = Event(0), 0
    for line in lines:
        name, found = _property(line)
        if name == "BEGIN":
            inside.append(found.value.upper())
            if inside[-1] == "VEVENT":
                number += 1
                event = Event(number)
        elif name == "END":
            if not inside or inside.pop() != found.value.upper():
                raise ValueError(f"END:{found.value[:40]} has no BEGIN")
            if found.value.upper() == "VEVENT":
                yield event
        elif inside and inside[-1] == "VEVENT":
            event.found.setdefault(name, []).append(found)
    if inside:
        raise ValueError(f"BEGIN:{inside[-1][:40]} has no END")


def _property(line: str) -> tuple[str, Property]:
    """``NAME;PARAMETER="its value":value``; a colon or semicolon between quotes belongs to the parameter."""
    parts, begun, quoted = [], 0, False
    for position, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character in ":;" and not quoted:
            parts.append(line[begun:position].replace('"', ""))
            begun = position + 1
            if character == ":":
                name, *parameters = parts
                pairs = (parameter.partition("=") for parameter in parameters)
                return name.strip().upper(), Property({key.upper(): value for key, _, value in pairs}, line[begun:])
    return "", Property({}, "")
