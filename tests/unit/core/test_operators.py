"""What operators say of themselves holds, and whoever lists them lists these."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import pytest

from lookalike.core.conditions import Condition
from lookalike.core.errors import BadFilter
from lookalike.core.fields import BUILT_IN, Kind
from lookalike.core.filters import Filter
from lookalike.core.operators import Op, Operand
from lookalike.core.records import ImageRecord
from lookalike.service.api.filter_schema import FILTER_SCHEMA, condition_schema

ROOT = Path(__file__).parents[3]
VALUES = {Operand.ONE: "2024", Operand.LIST: ("2024",), Operand.PATTERN: "2*", Operand.TRUTH: True}
FIELD_OF = {kind: field for field, kind in BUILT_IN.items()} | {Kind.TERMS: "metadata.label"}
BLANK = ImageRecord(id="", width=0, height=0, format="", size_bytes=0)


@pytest.mark.parametrize("op", Op)
def test_a_word_stands_for_one_operator(op: Op) -> None:
    assert Op(op.value) is op is pickle.loads(pickle.dumps(op)) is copy.deepcopy(op)
    assert f"{op}" == op.value == json.loads(json.dumps(op))


def test_no_sign_stands_for_two_operators() -> None:
    signs = [sign for op in Op for sign in op.definition.signs]
    assert len(signs) == len(set(signs))
    assert all(op.definition.signs for op in Op)


@pytest.mark.parametrize("sign", [sign for op in Op for sign in op.definition.signs])
def test_every_sign_is_read_in_any_case_and_with_any_space(sign: str) -> None:
    takes = next(op for op in Op if sign in op.definition.signs).definition.takes
    value = {Operand.LIST: "(a, b)", Operand.TRUTH: ""}.get(takes, "a")
    written = Filter.parse(f"label {sign} {value}")
    assert Filter.parse(f"label  {sign.upper().replace(' ', '   ')}  {value}") == written
    assert sign in written.alternatives[0][0].op.definition.signs


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("kind", Kind)
def test_an_operator_is_taken_by_all_kinds_of_fields_but_those_it_names(kind: Kind, op: Op) -> None:
    value = "/2024" if kind is Kind.FOLDER else VALUES[op.definition.takes]
    value = (value,) if op.definition.takes is Operand.LIST and isinstance(value, str) else value
    value = True if op.definition.takes is Operand.TRUTH else value
    if kind in op.definition.not_of:
        with pytest.raises(BadFilter, match=f"{op} cannot be asked of a "):
            Condition(FIELD_OF[kind], op, value)
    else:
        Condition(FIELD_OF[kind], op, value)


@pytest.mark.parametrize("op", Op)
def test_what_is_missing_passes_only_where_the_operator_says_so(op: Op) -> None:
    missing = Condition("taken_at", op, VALUES[op.definition.takes]) if Kind.DATE not in op.definition.not_of else None
    asked = missing or Condition("label", op, VALUES[op.definition.takes])
    passes = asked.matches(BLANK, None) or (op is Op.EXISTS and Condition("taken_at", op, False).matches(BLANK, None))
    assert passes == op.definition.finds_missing


def test_the_schema_names_every_operator_with_what_it_takes_and_means() -> None:
    properties = condition_schema()["properties"]
    assert list(properties) == list(Op)
    for op in Op:
        assert op.definition.meaning.capitalize() in properties[op]["description"]
        assert (properties[op].get("type") == "array") == (op.definition.takes is Operand.LIST)
    assert FILTER_SCHEMA["additionalProperties"]["anyOf"][0] == condition_schema()


def test_the_document_of_the_api_tells_conditions_once() -> None:
    text = (ROOT / "docs" / "reference" / "openapi.json").read_text("utf-8")
    assert json.loads(text)["components"]["schemas"]["Condition"] == condition_schema()
    assert text.count('"#/components/schemas/Condition"') >= 2
    assert text.count("Fits a pattern.") == 1


def test_the_references_list_every_operator() -> None:
    listed = re.search(r"`\{field: \{([a-z_, ]+)\}\}`", (ROOT / "docs" / "reference" / "http.md").read_text("utf-8"))
    assert listed
    assert set(listed[1].split(", ")) == set(Op)
    howto = (ROOT / "docs" / "howto" / "index.md").read_text("utf-8")
    assert [sign for op in Op for sign in op.definition.signs if f"`{sign}`" not in howto and sign != "=="] == []


def test_the_table_of_operators_says_what_they_mean_and_take() -> None:
    page = (ROOT / "docs" / "reference" / "http.md").read_text("utf-8")
    for op in Op:
        assert f"| `{op}` | {op.definition.meaning} | {op.definition.takes.value} |" in page
