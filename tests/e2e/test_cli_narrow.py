"""On 30 columns what people read stays readable; piped, nothing is folded."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import unicodedata

import pytest

from lookalike.cli.hits import short_path
from tests.e2e.conftest import Album, Command

WIDTH = 30


def on_a_terminal(*arguments: str | os.PathLike[str]) -> list[str]:
    """The lines of standard output, which is a terminal of 30 columns, without colours and links."""
    terminal, end = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm"}
    command = [sys.executable, "-m", "lookalike", *arguments]
    with subprocess.Popen(command, stdout=end, stderr=subprocess.DEVNULL, env=environment):
        os.close(end)
        shown = b""
        while some := _read(terminal):
            shown += some
    os.close(terminal)
    return re.sub(r"\x1b\][^\x1b]*\x1b\\|\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).splitlines()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end was closed
        return b""


def cells(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def test_hits_have_their_names_whole_on_lines_of_their_own(album: Album) -> None:
    lines = on_a_terminal("search", album.photos / "0.jpg", "-c", album.collection, "-k", "2", "--no-pictures")
    assert max(map(cells, lines)) <= WIDTH
    assert re.fullmatch(r"1 1\.000 █+", lines[0])
    assert short_path(str(album.photos / "0.jpg")) in "".join(line.strip() for line in lines)
    assert len(lines) < 20


@pytest.mark.parametrize("arguments", [["info"], ["rebuild"]])
def test_facts_do_not_run_over(album: Album, arguments: list[str]) -> None:
    lines = on_a_terminal(*arguments, "-c", album.collection)
    assert max(map(cells, lines)) <= WIDTH
    assert "index" in lines
    assert "  exact, 6 pictures, 1280" in lines


def test_piped_nothing_is_folded(command: Command, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    search = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection), "-k", "2"]
    wide = command(*search).text
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    assert command(*search).text == wide
    assert wide.count("\n") == 3
    assert f"collection  {album.collection}\n" in command("info", "-c", album.collection).text
    assert len(str(album.collection)) > WIDTH
