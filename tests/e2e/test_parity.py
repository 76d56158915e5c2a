"""`lookalike parity`, with a real browser where there is one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.cli.main import run as run_command
from lookalike.core.errors import ServiceDown
from lookalike.service.parity.browser import browsing, find_browser
from tests.e2e.tracing import bare_environment, python, traced

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
    code = run_command(["parity", "--count", "40", "--browser", str(browser), "--json"])

    ways = {way["way"]: way for way in json.loads(capsys.readouterr().out)["ways"]}
    assert code == 0
    assert ways["wasm"]["parity"]["pictures"] > 40
    assert ways["wasm"]["parity"]["p99_distance"] <= 0.005
    assert ways["wasm"]["parity"]["top_10"] >= 0.9
    assert ways["wasm"]["unread"] == {}
    assert ways["wasm-threads"]["parity"] is not None
    assert ways["webgpu"]["parity"] is not None or "WebGPU" in ways["webgpu"]["why"]


def test_without_a_browser_python_is_compared_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command(["parity", "--count", "30", "--browser", "none"])

    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["beside python int8", "python fp32"]


def test_a_browser_that_is_not_there_is_exit_code_69(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parity", "--browser", str(tmp_path / "none")]) == 69
    assert "no browser found" in capsys.readouterr().err


def test_a_folder_with_too_few_pictures_is_exit_code_65(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parity", str(tmp_path), "--browser", "none"]) == 65
    assert "12 or more pictures" in capsys.readouterr().err


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home with a folder `tmp`, at a path short enough for a browser's sockets."""
    with tempfile.TemporaryDirectory(prefix="home-") as folder:
        (Path(folder) / "tmp").mkdir()
        yield Path(folder)


def test_the_browser_speaks_to_nobody_and_leaves_nothing_behind(browser: Path, home: Path, tmp_path: Path) -> None:
    run = traced(
        python("-m", "lookalike", "parity", "--count", "30", "--browser", str(browser)),
        trace=tmp_path / "trace", environment=bare_environment(home), cwd=tmp_path,
    )  # fmt: skip

    assert run.code == 0, run.stderr
    assert [call for call in run.lookups if "htons(53)" in call] == []
    assert [call for call in run.connections if not is_a_question_to_the_kernel(call)] == []
    own = (home / "tmp", home / ".cache" / "lookalike")
    assert [path for path in run.writes_outside(*own) if path != str(home / ".cache")] == []
    assert list((home / "tmp").iterdir()) == []


def is_a_question_to_the_kernel(call: str) -> bool:
    """Whether Chromium asks whether there is a way to IPv6: it connects a socket of datagrams, and sends nothing."""
    return call.startswith("connect(") and 'inet_pton(AF_INET6, "2001:4860:4860::8888"' in call


def test_a_temporary_folder_too_deep_for_a_browser_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("d" * 80)))
    with pytest.raises(ServiceDown, match="set TMPDIR to a shorter one"), browsing(tmp_path / "browser", "about:blank"):
        pass
