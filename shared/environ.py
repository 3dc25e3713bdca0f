"""Reading settings: what stands under one name of the environment, and all that is wrong with the lot."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRET_MIN_LENGTH = 32
_KMS_KEY = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")


class BadSettings(Exception):  # noqa: N818
    """One or more settings are wrong or missing; the message has a line for each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("Cronny cannot start, its environment is wrong:\n" + "\n".join(f"  - {f}" for f in faults))


class Reader:
    """Reads one name after the other and remembers what was wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []
        if environ.get("USE_PG", "yes").lower() in ("no", "false", "0"):
            self._faults.append("USE_PG=no asks for MySQL, which is not supported: Cronny needs PostgreSQL 15 or newer")

    def text(self, name: str, *, empty: bool = False) -> str:
        if name not in self._environ or not (self._environ[name] or empty):
            self._faults.append(f"{name} is missing")
        return self._environ.get(name, "")

    def read(self, name: str, parse: Callable[[str], T], default: str | None = None) -> T:
        raw = self._environ.get(name, "") or default
        if raw is None:
            self._faults.append(f"{name} is missing")
        else:
            try:
                return parse(raw)
            except ValueError as error:
                # A StrEnum's own message names the class; the choices are what a person needs.
                choices = isinstance(parse, type) and issubclass(parse, StrEnum)
                wanted = "it must be one of " + ", ".join(parse) if choices else str(error)  # type: ignore[arg-type]
                shown = "" if any(word in name for word in ("SECRET", "TOKEN")) else f"={raw}"
                self._faults.append(f"{name}{shown}: {wanted}")
        return None  # type: ignore[return-value]  # finish() raises before anybody sees it

    def finish(self) -> None:
        if self._faults:
            raise BadSettings(self._faults)


def between(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not raw.strip().isdecimal() or not low <= int(raw) <= high:
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return int(raw)

    return parse


def factor(raw: str) -> float:
    """0 for off, 1 for on."""
    known = {"on": 1.0, "off": 0.0}.get(raw.strip().lower())
    if known is None and not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", raw.strip(), re.ASCII):
        raise ValueError("it must be on, off, or a number that multiplies the limits, such as 10 or 0.5")
    return known if known is not None else float(raw)


def secret(raw: str) -> str:
    if len(raw) < SECRET_MIN_LENGTH:
        raise ValueError(f"it must have at least {SECRET_MIN_LENGTH} characters (try: openssl rand -hex 32)")
    return raw


def secret_or_none(raw: str) -> str:
    return secret(raw) if raw else ""


def url(raw: str) -> str:
    if not raw.startswith(("http://", "https://")):
        raise ValueError("it must be a URL")
    return raw


def url_or_none(raw: str) -> str:
    return url(raw) if raw else ""


def kms_key_or_none(raw: str) -> str:
    if raw and not _KMS_KEY.fullmatch(raw):
        raise ValueError("it must be the id, the ARN or the alias of a KMS key")
    return raw


def path_or_none(raw: str) -> str:
    if raw and not os.path.isabs(raw):
        raise ValueError("it must be an absolute path")
    return raw


def networks(raw: str) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in raw.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"it must be networks such as 10.0.0.0/8, separated by commas ({error})") from error
