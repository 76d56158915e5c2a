"""Finding, running and ending a browser; any program that does as told will do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lookalike.core.errors import ServiceDown
from lookalike.models.card import ModelCard
from lookalike.models.store import ModelFile
from lookalike.service.parity.browser import browsing, find_browser
from lookalike.service.parity.run import embed_in_browser

CARD = ModelCard("0" * 64, "m", "1", "int8", 4, 2, "MIT", "here", "by hand")
MODEL = ModelFile("0" * 64, None, b"")


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_browser_that_is_named_is_taken(tmp_path: Path) -> None:
    browser = program(tmp_path / "browser", "")

    assert find_browser(browser) == browser


def test_a_browser_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServiceDown, match="--browser"):
        find_browser(tmp_path / "none")


def test_no_browser_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("lookalike.service.parity.browser.ELSEWHERE", ())

    with pytest.raises(ServiceDown, match="chromium"):
        find_browser()


def test_a_browser_is_ended_with_its_block(tmp_path: Path) -> None:
    browser = program(tmp_path / "browser", "import time; time.sleep(600)")

    with browsing(browser, "http://127.0.0.1:1/") as process:
        assert process.poll() is None

    assert process.poll() is not None


def test_a_page_that_is_not_built_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServiceDown, match="npm run build"):
        embed_in_browser([], card=CARD, model=MODEL, page=tmp_path, browser=tmp_path)


def test_a_browser_that_ends_by_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "parity.html").touch()
    browser = program(tmp_path / "browser", "raise SystemExit(7)")

    with pytest.raises(ServiceDown, match="exit code 7"):
        embed_in_browser([], card=CARD, model=MODEL, page=tmp_path, browser=browser)


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "parity.html").touch()
    browser = tmp_path / "browser"
    browser.write_bytes(b"\x7fELF nothing")
    browser.chmod(0o755)

    with pytest.raises(ServiceDown, match="cannot be started"):
        embed_in_browser([], card=CARD, model=MODEL, page=tmp_path, browser=browser)
