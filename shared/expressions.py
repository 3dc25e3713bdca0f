"""JMESPath for strangers: compiled once, evaluated within a budget.

JMESPath has no loops, but ``[@,@][] | [@,@][] | ...`` doubles a list with each pipe, and 4 KiB hold hundreds of them.
So each step, and each size that a function looks at, is charged to a budget; what goes beyond it is refused.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.parser import Parser
from jmespath.visitor import Options, TreeInterpreter

from shared.job import JsonValue

MAX_EXPRESSION_BYTES = 4 * 1024
MAX_NESTING = 8
# Of the parsed tree, where a.b.c counts too: far below where evaluating it would exhaust the stack.
MAX_TREE_DEPTH = 64

# jmespath writes its trees as dicts: {type, value, children}.
Node = Any


class BadExpression(Exception):  # noqa: N818 - the message is the sentence
    """An expression that cannot be understood, or that fails on what it is given."""


class Budget:
    """What evaluating may cost altogether: eight units a step, one for each character looked at."""

    def __init__(self, units: int = 1_000_000) -> None:
        self._left = units

    def charge(self, units: int) -> None:
        """Raises ``BadExpression`` when it is used up."""
        self._left -= units
        if self._left < 0:
            raise BadExpression("the expression does too much work")

    def charge_for(self, value: object) -> None:
        """Pay for looking at all of a value; stops looking when the budget ends."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            self.charge(len(item) + 1 if isinstance(item, str) else 1)
            if isinstance(item, dict):
                waiting.extend(item)
                waiting.extend(item.values())
            elif isinstance(item, list):
                self.charge(len(item))
                waiting.extend(item)


def evaluate(expression: str, data: JsonValue, budget: Budget) -> Any:
    """What the expression finds in ``data`` (plain dicts and lists). Raises ``BadExpression``, nothing else."""
    tree = parse(expression)
    try:
        return _Interpreter(budget).visit(tree, data)
    except BadExpression:
        raise
    # Functions fail in ways of their own (overflow, mixed types); whatever it is, the expression is at fault.
    except Exception as error:
        raise BadExpression(_first_line(error)) from error


@lru_cache(maxsize=2048)
def parse(expression: str) -> Node:
    """The syntax tree of an expression within the caps. Raises ``BadExpression``."""
    if len(expression.encode("utf-8", "replace")) > MAX_EXPRESSION_BYTES:
        raise BadExpression(f"an expression has at most {MAX_EXPRESSION_BYTES // 1024} KiB")
    try:
        tree: Node = Parser().parse(expression).parsed
    except (JMESPathError, ValueError) as error:
        raise BadExpression(f"not a JMESPath expression: {_first_line(error)}") from error
    except RecursionError as error:
        raise BadExpression("the expression is nested too deeply") from error
    _check_tree(tree)
    return tree


def _check_tree(tree: Node) -> None:
    for node, depth, nesting in _nodes(tree):
        if nesting > MAX_NESTING:
            raise BadExpression(f"the expression is nested deeper than {MAX_NESTING} levels")
        if depth > MAX_TREE_DEPTH:
            raise BadExpression(f"the expression has more than {MAX_TREE_DEPTH} steps in a row")
        if node["type"] == "function_expression" and node["value"] not in _Functions.FUNCTION_TABLE:
            raise BadExpression(f"there is no function {node['value']}()")


_NESTING = frozenset(("function_expression", "multi_select_list", "multi_select_dict", "filter_projection"))


def _nodes(tree: Node) -> Iterator[tuple[Node, int, int]]:
    """Each node with its depth in the tree, and how many brackets it is in."""
    waiting = [(tree, 1, 0)]
    while waiting:
        node, depth, nesting = waiting.pop()
        yield node, depth, nesting
        inner = nesting + (node["type"] in _NESTING)
        # The children of a slice are numbers.
        waiting.extend((child, depth + 1, inner) for child in node["children"] if isinstance(child, dict))


class _Functions(functions.Functions):
    """JMESPath's functions; each pays for its arguments, because it may look at all of them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def call_function(self, function_name: str, resolved_args: Iterable[Any]) -> Any:
        self._budget.charge_for(resolved_args)
        result = super().call_function(function_name, resolved_args)
        if isinstance(result, str | list):
            self._budget.charge(len(result))
        return result


class _Interpreter(TreeInterpreter):
    """Pays for each step, and before the two that can make something large out of something small."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(Options(custom_functions=_Functions(budget)))
        self._budget = budget

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        self._budget.charge(8)
        return super().visit(node, *args, **kwargs)

    def visit_flatten(self, node: Node, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        self._budget.charge(sum(len(item) if isinstance(item, list) else 1 for item in base))
        return [part for item in base for part in (item if isinstance(item, list) else [item])]

    def visit_comparator(self, node: Node, value: Any) -> Any:
        left, right = (self.visit(child, value) for child in node["children"])
        self._budget.charge_for([left, right])
        # jmespath lets the TypeError of ordering text against a number out; by its specification, that is null.
        if node["value"] not in ("eq", "ne") and isinstance(left, str) != isinstance(right, str):
            return None
        sides: Node = [{"type": "literal", "value": side, "children": []} for side in (left, right)]
        evaluated: Node = {"type": "comparator", "value": node["value"], "children": sides}
        return super().visit_comparator(evaluated, value)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:300]
