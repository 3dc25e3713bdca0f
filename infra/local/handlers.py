"""The functions of template.yaml as Python objects."""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from infra.local.home import ROOT

Handler = Callable[[Any, Any], Any]


@cache
def declared() -> dict[str, dict[str, Any]]:
    """The properties of each function in template.yaml, by its short name (`creator`)."""
    resources: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    functions = {name: it for name, it in resources.items() if it["Type"] == "AWS::Serverless::Function"}
    return {name.removesuffix("Function").lower(): it["Properties"] for name, it in functions.items()}


def handler(function: str) -> Handler:
    """The handler of a function; importing it needs the environment to be set."""
    module, _, name = declared()[function]["Handler"].rpartition(".")
    found: Handler = getattr(importlib.import_module(module), name)
    return found


def timeout(function: str) -> float:
    """Its time limit in seconds."""
    return float(declared()[function]["Timeout"])
