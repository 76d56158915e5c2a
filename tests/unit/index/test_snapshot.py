"""Snapshots: whole or not there, whatever happens while they are written, and noticed when they are damaged."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest

from lookalike.assembly.index_engines import LocalEngines
from lookalike.core.errors import SnapshotDamaged, StorageFailed
from lookalike.core.records import START
from lookalike.index import manifest as manifest_module
from lookalike.index.exact import ExactIndex
from lookalike.index.manifest import VERSION
from lookalike.index.snapshot import discard_snapshots, freeze, read_snapshot, write_snapshot
from tests.damage import damaged
from tests.unit.index.snapshots import D, N, answers, index_of, seq_if_whole, seq_of, write

FILES = ["CURRENT", "manifest.json", "keys.npy", "vectors.npy", "projection.npz"]
DAMAGES_PER_FILE = 60


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def place_of(folder: Path, file: str) -> Path:
    current = (folder / "CURRENT").read_text().split()[0]
    return folder / file if file == "CURRENT" else folder / current / file


def program(text: str, *arguments: object) -> subprocess.Popen[str]:
    prelude = "import sys\nfrom pathlib import Path\nfrom tests.unit.index.snapshots import *\n"
    return subprocess.Popen(
        [sys.executable, "-c", prelude + text, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_a_snapshot_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    written = write(folder, 12)
    read = read_snapshot(folder, LocalEngines())
    assert read.manifest == written
    assert seq_if_whole(read) == 12
    assert (written.engine, written.count, written.dimension, written.learnt_from) == ("exact", N, D, 300)
    assert (written.cursor, written.projected, written.recall) == ("12 " + "1" * 16, "auto", 1.0)
    assert sorted(written.files) == ["keys.npy", "projection.npz", "vectors.npy"]
    assert names(place_of(folder, "manifest.json").parent) == sorted(FILES[1:])


def test_a_snapshot_without_a_projection_comes_back_without_one(tmp_path: Path) -> None:
    written = write(tmp_path, 3, projected=False)
    read = read_snapshot(tmp_path, LocalEngines())
    assert read.projection is None
    assert (read.manifest, written.learnt_from, sorted(written.files)) == (written, 0, ["keys.npy", "vectors.npy"])
    assert answers(read.index) == answers(index_of(3))


def test_an_empty_index_comes_back_empty(tmp_path: Path) -> None:
    write_snapshot(tmp_path, freeze(ExactIndex(D)), None, model_id="m", cursor=START, projected="off")
    read = read_snapshot(tmp_path, LocalEngines())
    assert (len(read.index), read.index.dimension) == (0, D)


def test_an_index_that_was_read_can_be_changed(tmp_path: Path) -> None:
    write(tmp_path, 1)
    index = read_snapshot(tmp_path, LocalEngines()).index
    index.upsert(np.array([1, 500]), np.ones((2, D), np.float32))
    index.remove(np.array([2]))
    assert len(index) == N
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == 1


def test_a_new_snapshot_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for seq in (1, 2, 2, 10**13):
        write(tmp_path, seq)
        assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == seq
        assert len(names(tmp_path)) == 3, "CURRENT, LOCK and one snapshot"


def test_where_there_is_none_that_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SnapshotDamaged, match="CURRENT is missing"):
            read_snapshot(folder, LocalEngines())


def test_discarding_leaves_nothing_of_ours_and_all_that_is_not(tmp_path: Path) -> None:
    discard_snapshots(tmp_path / "nothing")
    write(tmp_path, 1)
    (tmp_path / "notes").mkdir()
    for _ in range(2):
        discard_snapshots(tmp_path)
        assert names(tmp_path) == ["LOCK", "notes"]
    write(tmp_path, 2)
    assert "notes" in names(tmp_path)


def test_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)
    monkeypatch.setattr(manifest_module, "VERSION", 77)
    with pytest.raises(SnapshotDamaged, match=f"expected snapshot version 77, got version {VERSION}"):
        read_snapshot(tmp_path, LocalEngines())


def test_an_engine_that_is_not_known_is_named_with_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExactIndex, "engine", "other")
    write(tmp_path, 1)
    with pytest.raises(SnapshotDamaged, match="expected an engine of exact, faiss, gpu, got 'other'"):
        read_snapshot(tmp_path, LocalEngines())


# Killed, full, failing


STEPS: dict[str, tuple[object, str]] = {
    "mkdir": (Path, "mkdir"),
    "open": (Path, "open"),
    "open a folder": (os, "open"),
    "save an array": (np, "save"),
    "sync": (os, "fsync"),
    "rename": (Path, "replace"),
}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("step", STEPS)
def test_whichever_step_fails_the_current_snapshot_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    owner, name = STEPS[step]
    original = getattr(owner, name)
    expected = StorageFailed if isinstance(error, OSError) else KeyboardInterrupt
    write(tmp_path, 1)
    for nth in count(1):
        calls = count(1)

        def failing(*arguments: object, nth: int = nth, calls: count[int] = calls, **named: object) -> object:
            if next(calls) == nth:
                raise error
            return original(*arguments, **named)

        before = seq_of(read_snapshot(tmp_path, LocalEngines()).manifest)
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing)
            try:
                write(tmp_path, before + 1)
            except expected:
                pass
            else:
                break  # there is no nth such step any more
        now = seq_if_whole(read_snapshot(tmp_path, LocalEngines()))
        assert now in (before, before + 1)
        assert now > before or not list(tmp_path.glob(f"*{before + 1}-*")), "nothing half-made is left"
    assert nth > 1, "the step was made to fail at least once"
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == before + 1
    write(tmp_path, before + 2)
    assert len(names(tmp_path)) == 3


def test_killed_at_any_moment_the_current_snapshot_is_whole(tmp_path: Path) -> None:
    rounds, rng, last = 8, random.Random(4), 0
    for _ in range(rounds):
        writer = program(
            "for n in range(int(sys.argv[2]), 10**6): write(Path(sys.argv[1]), n); print(n, flush=True)",
            tmp_path,
            last + 1,
        )
        assert writer.stdout is not None
        told = int(writer.stdout.readline())
        time.sleep(rng.random() * 0.05)
        writer.kill()
        told = int(([told, *writer.communicate()[0].split()])[-1])
        last = seq_if_whole(read_snapshot(tmp_path, LocalEngines()))
        assert last in (told, told + 1)
        assert len(names(tmp_path)) <= 4, "CURRENT, LOCK, the snapshot and at most one half-made"


def test_a_full_disk_is_told_and_the_old_snapshot_stays(small_disk: Path) -> None:
    write(small_disk, 1)
    large = ExactIndex(1000)
    large.upsert(np.arange(1000), np.ones((1000, 1000), np.float32))
    with pytest.raises(StorageFailed, match="could not be saved in"):
        write_snapshot(small_disk, freeze(large), None, model_id="m", cursor=START, projected="off")
    assert seq_if_whole(read_snapshot(small_disk, LocalEngines())) == 1
    write(small_disk, 3)
    assert seq_if_whole(read_snapshot(small_disk, LocalEngines())) == 3


@pytest.mark.parametrize("limit_bytes", [0, 100, 300, 500, 840])
def test_a_file_that_may_not_grow_is_told_and_the_old_snapshot_stays(tmp_path: Path, limit_bytes: int) -> None:
    write(tmp_path, 1)
    limited = program(
        """
import resource
from lookalike.core.errors import StorageFailed
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    write(Path(sys.argv[1]), 2)
except StorageFailed:
    sys.exit(7)
""",
        tmp_path,
        limit_bytes,
    )
    limited.communicate()
    assert limited.returncode == 7
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == 1
    assert len(names(tmp_path)) == 3


def test_a_folder_that_cannot_be_written_is_told_and_can_be_read(
    tmp_path: Path, read_only_folder: Callable[[Path], Path]
) -> None:
    write(tmp_path / "snapshots", 1)
    folder = read_only_folder(tmp_path / "snapshots")
    for call in (lambda: write(folder, 2), lambda: discard_snapshots(folder)):
        with pytest.raises(StorageFailed, match="could not be"):
            call()
    assert seq_if_whole(read_snapshot(folder, LocalEngines())) == 1


# Readers and writers at once


def test_readers_never_notice_that_writers_replace_what_they_read(tmp_path: Path) -> None:
    rounds, writers = 25, 2
    write(tmp_path, 0)
    problems: list[BaseException] = []
    done = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        try:
            while not done.is_set():
                seen.add(seq_if_whole(read_snapshot(tmp_path, LocalEngines())))
        except BaseException as error:
            problems.append(error)

    def replace(first: int) -> None:
        try:
            for seq in range(first, rounds * writers, writers):
                write(tmp_path, seq)
        except BaseException as error:
            problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    replacers = [threading.Thread(target=replace, args=(n,)) for n in range(1, writers + 1)]
    for thread in readers + replacers:
        thread.start()
    for thread in replacers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert problems == []
    assert seen
    assert len(names(tmp_path)) == 3


def test_writers_in_several_processes_do_not_sweep_each_other_away(tmp_path: Path) -> None:
    text = "for n in range(int(sys.argv[2]), int(sys.argv[2]) + 20): write(Path(sys.argv[1]), n)"
    writers = [program(text, tmp_path, first) for first in (100, 200, 300)]
    for writer in writers:
        writer.communicate()
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) in (119, 219, 319)
    assert len(names(tmp_path)) == 3


# Damage


@pytest.mark.parametrize("file", FILES)
def test_every_damage_is_noticed_or_does_no_harm(tmp_path: Path, file: str) -> None:
    write(tmp_path, 1)
    older = {f"{name} of an older snapshot": place_of(tmp_path, name).read_bytes() for name in FILES}
    write(tmp_path, 2)
    others = {name: place_of(tmp_path, name).read_bytes() for name in FILES} | older
    place, content = place_of(tmp_path, file), others[file]
    harmless = []
    for name, result in islice(damaged(content, rng=random.Random(file), others=others), DAMAGES_PER_FILE):
        place.unlink(missing_ok=True)
        if result is not None:
            place.write_bytes(result)
        try:
            read = read_snapshot(tmp_path, LocalEngines())
        except SnapshotDamaged:
            continue
        assert seq_if_whole(read) == 2, name
        harmless.append(name)
    assert file == "CURRENT" or harmless == [], "only blanks in CURRENT do no harm"
    place.write_bytes(content)
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == 2


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        "x",
        "a b c",
        "../x {hash}",
        "/etc {hash}",
        ".. {hash}",
        ". {hash}",
        "{name}/../{name} {hash}",
        "{name}/ {hash}",
        "{name}\0 {hash}",
        "{name} {hash} {hash}",
        "{name}",
        "{hash} {name}",
        "{name} " + "0" * 64,
        "{name} é",
        "9" * 5000 + "-00000000 {hash}",
        "000000000001-00000000 {hash}",
    ],
)
def test_a_pointer_that_points_elsewhere_is_not_followed(tmp_path: Path, content: str) -> None:
    write(tmp_path, 1)
    name, digest = (tmp_path / "CURRENT").read_text().split()
    (tmp_path / "CURRENT").write_text(content.format(name=name, hash=digest))
    with pytest.raises(SnapshotDamaged):
        read_snapshot(tmp_path, LocalEngines())
    write(tmp_path, 2)
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == 2


def test_a_manifest_that_was_edited_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, 7)
    manifest = place_of(tmp_path, "manifest.json")
    for old, new in [
        ('"cursor": "7', '"cursor": "8'),
        ('"cursor": "7', '"cursor":  "7'),
        ('"exact"', '"other"'),
        ("{", '{"x": 1,'),
    ]:
        content = manifest.read_text()
        assert old in content
        manifest.write_text(content.replace(old, new, 1))
        with pytest.raises(SnapshotDamaged, match="SHA-256"):
            read_snapshot(tmp_path, LocalEngines())
        manifest.write_text(content)


@pytest.mark.parametrize("file", FILES)
def test_a_folder_in_the_place_of_a_file_is_noticed(tmp_path: Path, file: str) -> None:
    write(tmp_path, 1)
    place = place_of(tmp_path, file)
    place.unlink()
    place.mkdir()
    with pytest.raises(SnapshotDamaged):
        read_snapshot(tmp_path, LocalEngines())


def test_files_of_an_older_snapshot_all_together_are_that_snapshot(tmp_path: Path) -> None:
    write(tmp_path, 1)
    kept = {place_of(tmp_path, name): place_of(tmp_path, name).read_bytes() for name in FILES}
    write(tmp_path, 2)
    for path, content in kept.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert seq_if_whole(read_snapshot(tmp_path, LocalEngines())) == 1
