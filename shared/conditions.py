"""Conditions: which jobs follow, by what the job before them answered.

On the wire: {"version": 1, "condition_rules": [RULE]}, where RULE is {"filters": [{"name", "should_match",
"comparison_type", "value"}], "when", "job_id"}; ``job_id`` is one, or a list of those that all follow. Reading refuses
what is wrong; deciding never fails, because a target may answer anything.
"""

import json
from collections.abc import Iterator, Mapping

from shared.comparisons import compares
from shared.errors import Fault, Invalid
from shared.expressions import BadExpression, Budget, evaluate
from shared.expressions import parse as parse_expression
from shared.job import Comparison, Condition, ConditionRule, Filter, JobId, JsonObject, JsonValue

VERSION = 1
MAX_RULES = 100
MAX_FILTERS = 50
# As many as an action may have.
MAX_FORK = 100


def parse(value: JsonValue, field: str = "condition") -> Condition:
    """A condition from JSON or from its text; null, "" and {} mean none.

    Raises ``Invalid`` that names every wrong field, as in ``condition.condition_rules[0].filters[1].name``.
    """
    value = _from_text(value, field)
    if value is None or value == {}:
        return Condition()
    if not isinstance(value, Mapping):
        raise Invalid.field(field, "a condition is an object with condition_rules")
    reader = _Reader()
    rules = reader.rules(value, field)
    reader.finish()
    return Condition(rules)


def to_json(condition: Condition) -> JsonObject | None:
    """What ``parse`` reads; None for no condition."""
    if not condition.rules:
        return None
    return {"version": VERSION, "condition_rules": [_rule_to_json(rule) for rule in condition.rules]}


def next_jobs(condition: Condition, output: JsonValue, context: JsonObject) -> tuple[JobId, ...]:
    """The jobs of the first rule that holds for ``output``; none end this way through the action.

    ``when`` looks into ``context`` and finds the output there as ``output``.
    """
    budget = Budget()
    surroundings = {**context, "output": output}
    return next((rule.job_ids for rule in condition.rules if _holds(rule, output, surroundings, budget)), ())


def _holds(rule: ConditionRule, output: JsonValue, surroundings: JsonObject, budget: Budget) -> bool:
    if rule.when is not None and _find(rule.when, surroundings, budget) in (None, False, "", [], {}):
        return False
    return all(_matches(one, output, budget) is one.should_match for one in rule.filters)


def _matches(one: Filter, output: JsonValue, budget: Budget) -> bool:
    return compares(one.comparison_type, _look_up(one.name, output, budget), one.value)


def _look_up(name: str, output: JsonValue, budget: Budget) -> JsonValue:
    # "content-type" is a subtraction to nobody but JMESPath: a key of that very name comes first.
    if isinstance(output, Mapping) and name in output:
        return output[name]
    return _find(name, output, budget)


def _find(expression: str, data: JsonValue, budget: Budget) -> JsonValue:
    try:
        found: JsonValue = evaluate(expression, data, budget)
        budget.charge_for(found)
    except BadExpression:
        return None
    return found


def _from_text(value: JsonValue, field: str) -> JsonValue:
    if not isinstance(value, str):
        return value
    try:
        parsed: JsonValue = json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise Invalid.field(field, "this is not JSON") from error
    return parsed


def _rule_to_json(rule: ConditionRule) -> JsonObject:
    filters = [
        {
            "name": one.name,
            "should_match": one.should_match,
            "comparison_type": one.comparison_type.value,
            "value": one.value,
        }
        for one in rule.filters
    ]
    when = {} if rule.when is None else {"when": rule.when}
    return {"filters": filters, **when, "job_id": rule.job_ids[0] if len(rule.job_ids) == 1 else list(rule.job_ids)}


class _Reader:
    """Reads a condition to its end and remembers every fault, so that a person can mend them all at once."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def finish(self) -> None:
        if self._faults:
            raise Invalid(self._faults)

    def rules(self, value: JsonObject, path: str) -> tuple[ConditionRule, ...]:
        if value.get("version", VERSION) not in (VERSION, str(VERSION)):
            self._fault(f"{path}.version", f"only version {VERSION} is known")
        rules = self._objects(value.get("condition_rules"), f"{path}.condition_rules", MAX_RULES)
        return tuple(self._rule(rule, place) for rule, place in rules)

    def _rule(self, value: JsonObject, path: str) -> ConditionRule:
        filters = self._objects(value.get("filters"), f"{path}.filters", MAX_FILTERS)
        when = value.get("when")
        return ConditionRule(
            job_ids=self._job_ids(value.get("job_id"), f"{path}.job_id"),
            filters=tuple(self._filter(one, place) for one, place in filters),
            when=None if when is None or when == "" else self._expression(when, f"{path}.when"),
        )

    def _filter(self, value: JsonObject, path: str) -> Filter:
        should_match = value.get("should_match")
        if not isinstance(should_match, bool | None):
            self._fault(f"{path}.should_match", "it must be true or false")
        return Filter(
            name=self._name(value.get("name"), f"{path}.name"),
            comparison_type=self._comparison(value.get("comparison_type"), f"{path}.comparison_type"),
            value=value.get("value"),
            should_match=should_match is not False,
        )

    def _objects(self, value: JsonValue, path: str, most: int) -> Iterator[tuple[JsonObject, str]]:
        if value is None:
            return
        if not isinstance(value, list | tuple) or len(value) > most:
            self._fault(path, f"it must be a list of at most {most}")
            return
        for position, item in enumerate(value):
            if isinstance(item, Mapping):
                yield item, f"{path}[{position}]"
            else:
                self._fault(f"{path}[{position}]", "it must be an object")

    def _job_ids(self, value: JsonValue, path: str) -> tuple[JobId, ...]:
        if not isinstance(value, list | tuple):
            return (self._job_id(value, path),)
        if not 0 < len(value) <= MAX_FORK:
            self._fault(path, f"it must be the id of a job, or a list of at most {MAX_FORK} of them and at least one")
        found = tuple(self._job_id(one, f"{path}[{position}]") for position, one in enumerate(value[:MAX_FORK]))
        for position, one in enumerate(found):
            if one and one in found[:position]:
                self._fault(f"{path}[{position}]", "it is named already, and runs once")
        return found

    def _job_id(self, value: JsonValue, path: str) -> JobId:
        if isinstance(value, str) and value.isdecimal() and len(value) < 19:
            return JobId(int(value))
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
            self._fault(path, "it must be the id of a job")
            return JobId(0)
        return JobId(value)

    def _name(self, value: JsonValue, path: str) -> str:
        # A plain key need not be an expression: "content-type" is one.
        if isinstance(value, str) and value and all(char.isalnum() or char in "-_ " for char in value):
            return value
        return self._expression(value, path)

    def _expression(self, value: JsonValue, path: str) -> str:
        if not isinstance(value, str) or not value:
            self._fault(path, "it must be a JMESPath expression")
            return ""
        try:
            parse_expression(value)
        except BadExpression as error:
            self._fault(path, str(error))
        return value

    def _comparison(self, value: JsonValue, path: str) -> Comparison:
        if isinstance(value, str) and value in tuple(Comparison):
            return Comparison(value)
        self._fault(path, "it must be one of " + ", ".join(Comparison))
        return Comparison.EQUALITY

    def _fault(self, path: str, message: str) -> None:
        self._faults.append(Fault(path, message))
