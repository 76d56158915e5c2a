"""What only a process of its own shows: what it imports, pipes, terminals, signals."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import lookalike
from lookalike.core.errors import LookalikeError
from tests.e2e.conftest import Album, Command
from tests.interrupts import heard
from tests.waiting import eventually

MANY = 3_000
PATIENCE_S = 60.0


def line(*arguments: str | os.PathLike[str]) -> list[str]:
    return [sys.executable, "-m", "lookalike", *(os.fspath(argument) for argument in arguments)]


@contextmanager
def started(*arguments: str | os.PathLike[str]) -> Iterator[subprocess.Popen[str]]:
    """The command, running; it does not outlive the block."""
    with heard():
        process = subprocess.Popen(
            line(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """What a process has said, standard output and error, once a signal has ended it."""
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE_S)


def is_watching(process: subprocess.Popen[str]) -> bool:
    assert process.stderr is not None
    return any("Watching" in said for said in iter(process.stderr.readline, ""))


def pictures_in(collection: Path) -> int:
    try:
        with lookalike.open(collection, read_only=True) as opened:
            return len(opened)
    except LookalikeError:  # it is just being made
        return 0


def test_the_module_is_the_command(process: Command, album: Album) -> None:
    outcome = process("search", album.photos / "0.jpg", "-c", album.collection, "-k", "1", "--paths-only")
    assert outcome == (0, f"{album.photos / '0.jpg'}\n".encode(), "")


TELLING_WHAT_IS_LOADED = """
import atexit, sys
told = open(sys.argv.pop(1), "w")
atexit.register(lambda: print(*sys.modules, sep="\\n", file=told, flush=True))
from lookalike.cli.start import main
main()
"""


Loaded = Callable[..., set[str]]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """Runs a command, and gives the names of the modules that were loaded when it ended."""

    def run(*arguments: str | os.PathLike[str]) -> set[str]:
        told = tmp_path / "loaded.txt"
        command = [sys.executable, "-c", TELLING_WHAT_IS_LOADED, told, *arguments]
        subprocess.run(command, capture_output=True, check=True)
        return set(told.read_text("utf-8").split())

    return run


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_a_search_imports_nothing_that_it_does_not_need(album: Album, loaded: Loaded) -> None:
    names = loaded("search", album.photos / "0.jpg", "-c", album.collection)
    assert "onnxruntime" in names
    assert {"lookalike.search.search", "lookalike.index.snapshot", "lookalike.images.formats.jpeg"} <= names
    assert not packages(names) & {"alembic", "email", "http", "onnx", "pandas", "pyarrow", "rich", "sqlalchemy"}
    assert not packages(names) & {"cv2", "faiss", "scipy", "sklearn", "socket", "ssl", "torch", "urllib3"}
    assert not names & {
        "PIL.ImageOps",
        "PIL.JpegImagePlugin",
        "lookalike.catalog.sqlite.writing",
        "lookalike.cli.drawing",
        "lookalike.cli.progress",
        "lookalike.further.further_models",
        "lookalike.images.arrays",
        "lookalike.images.crop",
        "lookalike.images.walk",
        "lookalike.index.faiss",
        "lookalike.index.gpu",
        "lookalike.index.groups",
        "lookalike.index.shortlist.codes",
        "lookalike.ingest",
        "lookalike.search.fusion",
        "lookalike.search.local_features",
        "lookalike.search.model_reranker",
        "lookalike.view.building",
    }
    formats = {name for name in names if name.startswith("lookalike.images.formats.")}
    assert formats == {"lookalike.images.formats.jpeg"}


def test_indexing_what_has_not_changed_decodes_embeds_and_builds_nothing(album: Album, loaded: Loaded) -> None:
    names = loaded("index", album.photos, "-c", album.collection)
    assert {"lookalike.ingest.ingest", "lookalike.index.snapshot"} <= names
    assert not packages(names) & {"PIL", "email", "onnxruntime", "rich", "simplejpeg", "socket", "sqlalchemy"}
    assert not names & {
        "lookalike.embedding.onnx",
        "lookalike.images.arrays",
        "lookalike.images.jpeg",
        "lookalike.index.shortlist.codes",
        "lookalike.view.building",
    }


FOR_ELSEWHERE = {"aio_pika", "aiormq", "boto3", "botocore", "obstore", "psycopg", "psycopg_pool", "sqlalchemy"}
"""What a database, a store or a broker elsewhere is spoken to with, and what makes and migrates catalogs."""


@pytest.mark.parametrize(
    "told", ["search {photo}", "info", "index {photos}", "remove {photo}", "duplicates", "doctor", "model", "rebuild"]
)
def test_a_plain_command_imports_nothing_that_is_for_what_lies_elsewhere(
    album: Album, told: str, loaded: Loaded
) -> None:
    given = [one.format(photo=album.photos / "0.jpg", photos=album.photos) for one in told.split()]
    names = loaded(*given, "-c", album.collection)
    assert "lookalike.catalog.sqlite" in names
    assert not packages(names) & FOR_ELSEWHERE
    assert not [name for name in names if re.match(r"lookalike\.\w+\.(postgres|s3|rabbitmq|pgvector)", name)]


def test_ctrl_c_while_all_is_imported_leaves_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(600)\n")
    with heard():
        running = subprocess.Popen(
            line("info"),
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    with running:
        assert running.stdout is not None
        assert running.stdout.readline() == "importing\n"
        _, err = stopped(running, signal.SIGINT)
    assert (running.returncode, err) == (-signal.SIGINT, "")


def test_the_version_comes_without_numpy(loaded: Loaded) -> None:
    names = loaded("--version")
    assert "lookalike.cli.main" in names
    assert "numpy" not in names


def test_a_reader_that_has_seen_enough_is_no_error(album: Album) -> None:
    with subprocess.Popen(
        line("search", album.photos / "0.jpg", "-c", album.collection, "-q"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as search:
        assert search.stdout is not None
        assert search.stderr is not None
        search.stdout.close()
        assert search.stderr.read() == b""
    assert search.returncode == 0


def test_names_are_printed_where_the_locale_has_no_such_letters(album: Album, tmp_path: Path) -> None:
    (tmp_path / "été.jpg").write_bytes((album.photos / "0.jpg").read_bytes())
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    subprocess.run(line("index", tmp_path, "-c", album.collection, "-q"), check=True, env=environment)
    done = subprocess.run(
        line("search", tmp_path / "été.jpg", "-c", album.collection, "--where", "name ~ t"),
        check=True, env=environment, capture_output=True,
    )  # fmt: skip
    assert rb"\xe9t\xe9.jpg" in done.stdout


def on_a_terminal(arguments: Sequence[str], **environment: str) -> str:
    """What a terminal of 100 columns shows."""
    ours, theirs = pty.openpty()
    settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment}
    with subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=settings) as running:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], PATIENCE_S)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert running.returncode == 0
    return shown.decode()


def test_a_terminal_gets_colours_and_links_unless_told_otherwise(album: Album) -> None:
    arguments = line("search", album.photos / "0.jpg", "-c", album.collection)
    assert "\x1b]8;" in on_a_terminal(arguments)
    assert "\x1b" not in on_a_terminal(arguments, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal([*arguments, "--no-color"])


def test_a_terminal_that_can_shows_the_pictures(album: Album) -> None:
    arguments = line("search", album.photos / "0.jpg", "-c", album.collection)
    assert "▀" in on_a_terminal(arguments, COLORTERM="truecolor")
    assert "▀" not in on_a_terminal([*arguments, "--no-pictures"], COLORTERM="truecolor")


def test_a_terminal_shows_a_bar_while_indexing(album: Album, tmp_path: Path) -> None:
    shown = on_a_terminal(line("index", album.photos, "-c", tmp_path / "new"))
    assert "Indexing" in shown
    assert "Done: 6 added" in shown


@pytest.fixture
def many(album: Album, tmp_path: Path) -> Path:
    """So many different files that indexing takes a while."""
    folder = tmp_path / "many"
    folder.mkdir()
    picture = (album.photos / "0.jpg").read_bytes()
    for n in range(MANY):
        (folder / f"{n}.jpg").write_bytes(picture + n.to_bytes(2, "big"))
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_keeps_what_was_complete_and_the_next_one_goes_on(
    many: Path, tmp_path: Path, process: Command, number: signal.Signals
) -> None:
    arguments = ["index", str(many), "-c", str(tmp_path / "new"), "--json"]
    with started(*arguments) as running:
        eventually(lambda: pictures_in(tmp_path / "new") > 0)
        out, err = stopped(running, number)
    assert running.returncode == 130
    assert out == ""
    assert (
        err.strip()
        .splitlines()[-1]
        .startswith("lookalike: stopped: it could not be done to its end; what was complete is kept")
    )
    assert "Traceback" not in err
    kept = pictures_in(tmp_path / "new")
    assert 0 < kept < MANY
    report = json.loads(process(*arguments).stdout)
    assert (report["unchanged"], report["added"]) == (kept, MANY - kept)


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """An empty folder."""
    pytest.importorskip("watchfiles", reason="needs the extra watch")
    (tmp_path / "watched").mkdir()
    return tmp_path / "watched"


def becomes_known(picture: Path, *, folder: Path, collection: Path) -> Callable[[], bool]:
    """Writes a picture into a folder, again at each call, for the watch may not have begun yet."""

    def is_known() -> bool:
        (folder / picture.name).write_bytes(picture.read_bytes())
        return pictures_in(collection) == 1

    return is_known


def test_watching_takes_in_what_comes(album: Album, watched: Path, tmp_path: Path) -> None:
    with started("index", watched, "-c", tmp_path / "new", "--watch") as running:
        assert is_watching(running)
        eventually(becomes_known(album.photos / "0.jpg", folder=watched, collection=tmp_path / "new"), every_s=0.05)
        stopped(running, signal.SIGINT)
    assert running.returncode == 130


def test_a_folder_that_goes_and_comes_back_is_watched_on(album: Album, watched: Path, tmp_path: Path) -> None:
    with started("index", watched, "-c", tmp_path / "new", "--watch") as running:
        assert is_watching(running)
        watched.rename(tmp_path / "away")
        time.sleep(1.5)
        watched.mkdir()
        eventually(becomes_known(album.photos / "0.jpg", folder=watched, collection=tmp_path / "new"), every_s=0.05)


def test_a_process_without_streams_runs_all_the_same(album: Album) -> None:
    command = shlex.join(line("info", "-c", album.collection))
    assert subprocess.run(["sh", "-c", f"{command} >&- 2>&-"], check=False).returncode == 0
