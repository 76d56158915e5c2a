"""`lookalike parity`, with a real browser where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lookalike.cli.main import run
from lookalike.core.errors import ServiceDown
from lookalike.service.parity.browser import find_browser

PAGE = Path(__file__).parents[2] / "src" / "lookalike" / "service" / "page"


@pytest.fixture
def browser() -> Path:
    if not (PAGE / "parity.html").is_file():
        pytest.skip("the page has not been built: make web")
    try:
        return find_browser()
    except ServiceDown as error:
        pytest.skip(str(error))


def test_a_real_browser_computes_the_same_vectors(browser: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["parity", "--count", "40", "--browser", str(browser), "--json"])

    ways = {way["way"]: way for way in json.loads(capsys.readouterr().out)["ways"]}
    assert code == 0
    assert ways["wasm"]["parity"]["pictures"] > 40
    assert ways["wasm"]["parity"]["p99_distance"] <= 0.005
    assert ways["wasm"]["parity"]["top_10"] >= 0.9
    assert ways["wasm"]["unread"] == {}
    assert ways["wasm-threads"]["parity"] is not None
    assert ways["webgpu"]["parity"] is not None or "WebGPU" in ways["webgpu"]["why"]


def test_without_a_browser_python_is_compared_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["parity", "--count", "30", "--browser", "none"])

    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["beside python int8", "python fp32"]


def test_a_browser_that_is_not_there_is_exit_code_69(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["parity", "--browser", str(tmp_path / "none")]) == 69
    assert "no browser found" in capsys.readouterr().err


def test_a_folder_with_too_few_pictures_is_exit_code_65(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["parity", str(tmp_path), "--browser", "none"]) == 65
    assert "12 or more pictures" in capsys.readouterr().err
