"""The tables of codes: whatever the code raises stands in them, and the committed file is made from them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike
from lookalike.core import errors
from lookalike.images.refusals import RefusalCode
from lookalike.jobs.transitions import GAVE_UP
from lookalike.service.codes import STAGES, codes, codes_text
from lookalike.service.edge.problem_body import problem_response
from lookalike.service.problem_codes import FaultCode, ProblemCode, fault_of
from lookalike.service.problems import InvalidBody, errors_of, values_of

SOURCE = Path(lookalike.__file__).parent
COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "codes.json"
KNOWN = set(ProblemCode)


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).parts[0] not in ("cli", "demo"):
            yield path, ast.parse(path.read_text())


def _literals(name: str) -> Iterator[tuple[Path, str]]:
    """Texts that are given under a name: as an argument, as an attribute of a class, as the default of one."""
    for path, tree in _trees():
        for node in ast.walk(tree):
            value: ast.expr | None = None
            if (isinstance(node, ast.keyword) and node.arg == name) or (
                isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)
            ):
                value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                yield path, value.value


def test_every_code_that_is_written_anywhere_stands_in_the_table() -> None:
    found = list(_literals("code"))

    assert len(found) > 60
    assert {(path.name, code) for path, code in found if code not in KNOWN} == set()


def test_every_code_of_an_error_a_refused_picture_and_a_job_that_was_given_up_stands_in_the_table() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LookalikeError)
    ]

    of_kinds = {kind.code for kind in kinds if "code" in vars(kind)}

    assert len(of_kinds) > 25
    assert of_kinds | set(RefusalCode) | {GAVE_UP} <= KNOWN


def test_the_committed_file_says_what_the_program_does() -> None:
    assert COMMITTED.read_text() == codes_text(), "python -m lookalike.service.codes > docs/reference/codes.json"
    assert json.loads(codes_text()) == codes()


def test_every_stage_that_is_timed_is_named() -> None:
    timed = {
        node.args[0].value
        for _, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "stage"
        if node.args and isinstance(node.args[0], ast.Constant)
    }

    assert timed | {"total"} <= set(STAGES)
    assert timed


def test_a_problem_without_the_values_of_its_code_is_told_to_the_log(
    faults_of_problems: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    problem_response(422, code="url_status", title="t", detail="d", request_id="r", values={"host": "a"})

    assert faults_of_problems == ["url_status: expected the values host, status, got host"]
    assert "does not say what it should" in caplog.text
    faults_of_problems.clear()


@pytest.mark.parametrize(
    ("code", "values", "is_fine"),
    [
        ("empty", {}, True),
        ("empty", {"more": 1}, False),
        ("too_large", {}, True),
        ("too_large", {"limit_bytes": 3}, True),
        ("unknown_reranker", {"got": "x"}, False),
        ("no_such_code", {}, False),
    ],
)
def test_codes_come_with_their_values_and_no_others(code: str, values: dict[str, object], is_fine: bool) -> None:
    assert (fault_of(code, values) is None) == is_fine


def test_when_to_come_again_is_told_with_the_code() -> None:
    assert values_of(errors.RateLimited("x", retry_after_s=2.3, values={"limit": 60})) == {
        "limit": 60,
        "retry_after_s": 3,
    }
    assert values_of(errors.Locked("x")) == {"retry_after_s": 1}
    assert values_of(errors.LookalikeError("x", values={"secret": 1})) == {}


def test_what_does_not_fit_in_a_body_has_a_code_and_its_bounds() -> None:
    found = [
        {"type": "greater_than_equal", "loc": ("body", "k"), "msg": "m", "ctx": {"ge": 1}},
        {"type": "too_long", "loc": ("ids",), "msg": "m", "ctx": {"max_length": 32, "actual_length": 40}},
        {"type": "missing", "loc": ("query",), "msg": "m"},
        {"type": "int_type", "loc": ("k",), "msg": "m"},
        {"type": "literal_error", "loc": ("collapse",), "msg": "m", "ctx": {"expected": "'none' or 'group'"}},
        {"type": "value_error", "loc": (), "msg": "m"},
    ]

    told = [(one["where"], one["code"], one["values"]) for one in errors_of(found)]

    assert told == [
        ("body.k", FaultCode.RANGE, {"least": 1}),
        ("ids", FaultCode.LENGTH, {"most": 32}),
        ("query", FaultCode.MISSING, {}),
        ("k", FaultCode.TYPE, {}),
        ("collapse", FaultCode.CHOICE, {}),
        ("body", FaultCode.VALUE, {}),
    ]
    assert all(FaultCode(code).fault_of(values) is None for _, code, values in told)  # type: ignore[arg-type]


def test_a_fault_that_is_told_without_a_code_has_the_general_one() -> None:
    error = InvalidBody([{"where": "image", "detail": "expected one picture"}])

    assert error.errors == [{"where": "image", "detail": "expected one picture", "code": "value", "values": {}}]
    assert error.values == {"where": "image"}
