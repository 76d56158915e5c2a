"""What the OpenAPI document says of filters, made of the operators that there are."""

from __future__ import annotations

from typing import Any

from lookalike.core.condition_values import MOST_VALUES
from lookalike.core.operators import Op, Operand

_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_TAKEN: dict[Operand, dict[str, Any]] = {
    Operand.ONE: _SCALAR,
    Operand.LIST: {"type": "array", "items": _SCALAR, "maxItems": MOST_VALUES},
    Operand.PATTERN: {"type": "string"},
    Operand.TRUTH: {"type": "boolean"},
}


def condition_schema() -> dict[str, Any]:
    """The operators of one field, all of which must hold."""
    operators = {op.value: {**_TAKEN[op.definition.takes], "description": _describe(op)} for op in Op}
    return {
        "title": "Condition",
        "description": "What a field must be: all of these hold.",
        "type": "object",
        "properties": operators,
        "additionalProperties": False,
        "minProperties": 1,
    }


def _describe(op: Op) -> str:
    meaning, takes = op.definition.meaning, op.definition.takes
    return f"{meaning.capitalize()}. Takes {takes.value}."


_FIELDS = {"anyOf": [condition_schema(), _SCALAR]}
_EITHER: dict[str, Any] = {"type": "array", "items": {"type": "object", "additionalProperties": _FIELDS}, "minItems": 1}
_EITHER["description"] = "Of these, one holds besides."

FILTER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"or": _EITHER},
    "additionalProperties": _FIELDS,
}
"""Fields with what they must be; a value alone stands for `eq`."""


def with_conditions_named(node: Any) -> Any:
    """A document in which conditions are told once, as `#/components/schemas/Condition`."""
    if node == condition_schema():
        return {"$ref": "#/components/schemas/Condition"}
    if isinstance(node, dict):
        return {name: with_conditions_named(inner) for name, inner in node.items()}
    return [with_conditions_named(inner) for inner in node] if isinstance(node, list) else node
