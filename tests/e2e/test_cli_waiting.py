"""A command says what it waits for, once that takes longer than a moment, and says nothing where it does not."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lookalike.cli import waiting
from lookalike.further import reranker_projection
from lookalike.index.projection import LEAST_TO_LEARN
from lookalike.view import building
from tests import collections
from tests.e2e.conftest import Album, Command
from tests.waiting import PATIENCE_S

LONG_S = 0.7

KILLED_BEFORE_IT_IS_SAVED = """
import sys, time
from lookalike.view.local_view import LocalView
def settle(view):
    print("committed", flush=True)
    time.sleep(60)
LocalView.settle = settle
from lookalike.cli.main import run
run(sys.argv[1:])
"""


SLOWLY_READ = """
import time
from lookalike.catalog.sqlite import SqliteCatalog
read = SqliteCatalog.all_vectors
def slowly(catalog, *, batch=1):
    for some in read(catalog, batch=1):
        time.sleep(0.3)
        yield some
SqliteCatalog.all_vectors = slowly
from lookalike.cli.main import main
main()
"""


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building an index takes longer than a moment."""
    monkeypatch.setattr(building, "build", slowly(building.build))


def slowly(function: Any) -> Any:
    def call(*arguments: Any, **settings: Any) -> Any:
        time.sleep(LONG_S)
        return function(*arguments, **settings)

    return call


def kill_an_index_run(photos: Path, collection: Path) -> None:
    """Killed when all pictures are committed, and before the index was saved."""
    arguments = [sys.executable, "-c", KILLED_BEFORE_IT_IS_SAVED, "index", str(photos), "-c", str(collection), "-q"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"committed\n"
        child.kill()


@pytest.mark.usefixtures("slow")
def test_the_first_search_after_a_kill_tells_what_it_waits_for(command: Command, album: Album, tmp_path: Path) -> None:
    kill_an_index_run(album.photos, tmp_path / "killed")
    search = ["search", str(album.photos / "0.jpg"), "-c", str(tmp_path / "killed"), "--json"]
    first, second = command(*search), command(*search)
    assert first.stderr.splitlines()[0] == "The index is made: none was saved yet (6 pictures)…"
    assert "made anew" not in second.stderr
    assert json.loads(first.stdout)["hits"] == json.loads(second.stdout)["hits"]


@pytest.mark.usefixtures("slow")
def test_a_damaged_index_is_told_with_where(command: Command, album: Album) -> None:
    (current,) = (album.collection / "snapshots").glob("CURRENT")
    current.write_text("nothing")
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection)
    assert outcome.stderr.startswith("The index is made anew: ")
    assert str(album.collection / "snapshots") in outcome.stderr.splitlines()[0]
    assert "(6 pictures)…" in outcome.stderr.splitlines()[0]


@pytest.mark.usefixtures("slow")
def test_relearning_is_told_when_the_collection_has_doubled(command: Command, tmp_path: Path) -> None:
    collection = ["-c", str(tmp_path / "c")]
    collections.album(tmp_path / "photos", LEAST_TO_LEARN)
    assert command("index", tmp_path / "photos", *collection, "-q").code == 0
    collections.album(tmp_path / "photos", 2 * LEAST_TO_LEARN)
    outcome = command("index", tmp_path / "photos", *collection)
    assert (
        f"The index is made anew: the projection was learnt when there were {LEAST_TO_LEARN} pictures, "
        f"now there are {2 * LEAST_TO_LEARN} ({2 * LEAST_TO_LEARN} pictures)…\n"
    ) in outcome.stderr


@pytest.mark.usefixtures("slow")
def test_a_search_that_learns_after_a_kill_tells_that(command: Command, tmp_path: Path) -> None:
    collections.album(tmp_path / "photos", 10)
    assert command("index", tmp_path / "photos", "-c", tmp_path / "c", "-q").code == 0
    collections.album(tmp_path / "photos", LEAST_TO_LEARN)
    kill_an_index_run(tmp_path / "photos", tmp_path / "c")
    outcome = command("search", tmp_path / "photos" / "0.png", "-c", tmp_path / "c")
    assert f"The index is made anew: {LEAST_TO_LEARN} pictures are enough to learn a projection from" in outcome.stderr


@pytest.mark.usefixtures("slow")
def test_rebuild_tells_and_quiet_does_not(command: Command, album: Album) -> None:
    rebuild = ["rebuild", "-c", str(album.collection), "--json"]
    told, quiet = command(*rebuild), command(*rebuild, "-q")
    assert told.stderr == "The index is made anew (6 pictures)…\n"
    assert quiet.stderr == ""
    assert json.loads(told.stdout)["count"] == json.loads(quiet.stdout)["count"] == 6


def test_a_finer_models_projection_is_told_when_it_is_learnt(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reranker_projection, "learn", slowly(reranker_projection.learn))
    collection = ["-c", str(tmp_path / "c")]
    collections.album(tmp_path / "photos", LEAST_TO_LEARN)
    command("index", tmp_path / "photos", *collection, "-q")
    command("model", "add", "fine", "fp32", *collection, "-q")
    search = ["search", str(tmp_path / "photos" / "0.png"), *collection, "--rerank", "fine"]
    learnt = f"The projection of the model fine is learnt ({LEAST_TO_LEARN} pictures)…\n"
    assert [learnt in command(*search).stderr for _ in range(2)] == [True, False]


def test_what_takes_no_time_is_not_told(command: Command, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "A_MOMENT_S", PATIENCE_S)
    (album.collection / "snapshots" / "CURRENT").write_text("nothing")
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection)
    assert "made anew" not in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_on_a_terminal_a_bar_follows_the_line_and_nothing_of_it_is_on_standard_output(album: Album) -> None:
    shown, stdout = on_a_terminal("rebuild", "-c", str(album.collection), "--json")
    assert "The index is made anew (6 pictures)…" in shown
    assert "%" in shown[shown.index("…") :]
    assert json.loads(stdout)["count"] == 6


def test_on_a_terminal_the_bar_of_indexing_stays_the_only_one(album: Album, tmp_path: Path) -> None:
    shown, stdout = on_a_terminal("index", str(album.photos), "-c", str(tmp_path / "new"), "--json")
    assert "The index is made: none was saved yet (6 pictures)…" in shown
    assert "%" not in shown
    assert json.loads(stdout)["added"] == 6


def on_a_terminal(*arguments: str) -> tuple[str, bytes]:
    """What a command shows on a terminal, and what it writes to standard output, which is none."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-c", SLOWLY_READ, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, env={**os.environ, "TERM": "xterm"}) as child:
        os.close(end)
        shown = b""
        while some := _read(terminal):
            shown += some
        os.close(terminal)
        assert child.stdout is not None
        return shown.decode(), child.stdout.read()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end was closed
        return b""
