"""The page of figures holds what the results give, and targets are judged as they read."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.harness import QUESTIONS, RESULTS, Bench, evenly
from benchmarks.page import PAGE, page, read_results
from benchmarks.rows import could_not_run, measured, median, quartiles, reaches


def test_the_page_is_what_the_results_give() -> None:
    assert PAGE.read_text("utf-8") == page(read_results()), "run: python -m benchmarks.page"


def test_every_result_belongs_to_a_question_that_can_be_asked_again() -> None:
    assert {path.stem for path in RESULTS.glob("*.json")} <= set(QUESTIONS)
    for question in QUESTIONS:
        assert (RESULTS.parent / question / "run.py").is_file()


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_can_be_asked(question: str) -> None:
    try:
        asked = import_module(f"benchmarks.{question}.run")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("benchmarks", "lookalike")):
            raise
        pytest.skip(f"needs the extras of benchmarks: {error}")
    assert asked.QUESTION
    assert callable(asked.measure)


@pytest.mark.parametrize(
    ("rule", "value", "unit", "ratio", "reached"),
    [
        (">= 2.5x", 400, "photos/s", 2.5, True),
        (">= 2.5x", 400, "photos/s", 2.49, False),
        (">= 300 photos/s", 300, "photos/s", None, True),
        (">= 300 photos/s", 299.9, "photos/s", 9.0, False),
        ("<= 0.8 s", 0.8, "s", None, True),
        ("<= 0.8 s", 0.81, "s", None, False),
        (">= 0.95", 0.95, "", None, True),
        ("<= 0", 1, "", None, False),
    ],
)
def test_a_target_is_judged_by_its_rule(rule: str, value: float, unit: str, ratio: float | None, reached: bool) -> None:
    assert reaches(rule, value=value, unit=unit, ratio=ratio) is reached
    assert measured("it", value, unit, ratio=ratio, target=rule).met is reached


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("fast", "expected a target"),
        ("> 3 s", "expected a target"),
        ("<= 3 ms", "not in the unit"),
        ("<= 3", "not in the unit"),
        (">= 2x", "nothing was compared"),
    ],
)
def test_a_rule_that_does_not_fit_is_no_target(rule: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        measured("it", 1.0, "s", target=rule)


def test_what_could_not_run_says_why_and_reaches_nothing() -> None:
    row = could_not_run("it", "needs photos", target=">= 2x")
    assert (row.value, row.met, row.not_run, row.target) == (None, None, "needs photos", ">= 2x")


def test_middle_and_spread() -> None:
    assert median([3, 1, 2, 100]) == 2.5
    assert quartiles([0, 1, 2, 3, 4]) == (1, 3)
    assert evenly("abcdefgh", 4) == ["a", "c", "e", "g"]
    assert evenly("ab", 4) == ["a", "b"]


def test_a_result_shows_on_the_page(tmp_path: Path) -> None:
    bench = Bench(shared=tmp_path, own=tmp_path, sample=7)
    bench.add(measured("index", 412.3456, "photos/s", spread=(2.4, 2.7), peer="a script", peer_value=160, ratio=2.58))
    bench.add(measured("start", 0.9, "s", target="<= 0.8 s", note="median of 15"))
    bench.add(could_not_run("another", "needs a | b", target=">= 2x"))
    bench.write(tmp_path / "result.json", question="How fast?", seconds=3.2)

    shown = page({"memory": json.loads((tmp_path / "result.json").read_text("utf-8"))})

    assert bench.size(3) == 3
    assert bench.size(300) == 7
    assert "## Memory\n\nHow fast?\n" in shown
    assert "| index | 412.3 photos/s | 2.4 to 2.7 | a script: 160 photos/s | 2.58x |  |  |" in shown
    assert "| start | 0.9 s |  |  |  | <= 0.8 s | **no** |" in shown
    assert "| another | could not run |  |  |  | >= 2x |  |" in shown
    assert "- start: median of 15\n- another: needs a | b\n" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
