"""Processes that write to one collection at random, some of them killed: in the end it is as the folder is."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.images.files import content_id
from tests.catalogs import known_ids
from tests.collections import album, new_collection, open_catalog, write

FILES, PICTURES, SECONDS, ENOUGH = 40, 60, 12.0, 11
ROOT = Path(__file__).parents[2]
PROGRAM = """
import random, sys
from pathlib import Path
import lookalike
from lookalike.ingest import ingest
from tests.collections import new_collection, open_catalog, png

role, folder, photos, seed = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
ingest._COMMIT_AFTER_FILES = 3
chance, added = random.Random(seed), 0
with new_collection(folder, catalog=open_catalog(folder / "catalog.sqlite", lock_wait_s=60)) as collection:
    while True:
        if role in ("index", "prune"):
            report = collection.index(photos, prune=role == "prune")
            assert report.done == report.total, report
        elif role == "add":
            added += 1
            print(collection.add(png(10_000 + added)), flush=True)
        elif role == "rebuild":
            collection.rebuild()
        elif files := list(collection._parts.catalog.files()):
            try:
                collection.remove(chance.choice(files).path)
            except lookalike.NotIndexed:
                pass
"""


class Writers:
    """One process of each role."""

    def __init__(self, folder: Path, photos: Path, *, told: Path) -> None:
        self._place = [str(folder), str(photos)]
        self._told = told
        self._started = 0
        self.running = {f"{role} {n}": self._start(role) for n, role in enumerate(ROLES)}

    def kill(self, name: str) -> None:
        """By SIGKILL, and start it again."""
        self.end(name)
        self.running[name] = self._start(name.split()[0])

    def end(self, name: str) -> None:
        """By SIGKILL."""
        process = self.running[name]
        assert process.poll() is None, f"{name} ended by itself"
        process.kill()
        process.wait()

    def acknowledged(self) -> list[str]:
        """The ids of the pictures that were added so far."""
        return self._told.read_text().split()

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        self._started += 1
        command = [sys.executable, "-c", PROGRAM, role, *self._place, str(self._started)]
        with self._told.open("a") as told:
            return subprocess.Popen(command, stdout=told, cwd=ROOT)


ROLES = ("index", "index", "prune", "remove", "rebuild", "add")


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    new_collection(tmp_path / "c").close()
    album(tmp_path / "photos", FILES)
    writers = Writers(tmp_path / "c", tmp_path / "photos", told=tmp_path / "told")
    yield writers
    for process in writers.running.values():
        if process.poll() is None:
            process.kill()
            process.wait()


def test_whatever_others_write_and_whoever_dies_nothing_is_lost_double_or_left_over(
    tmp_path: Path, writers: Writers
) -> None:
    photos, chance, end = tmp_path / "photos", random.Random(0), time.monotonic() + SECONDS
    while time.monotonic() < end or len(writers.acknowledged()) < ENOUGH:
        stir(photos, chance)
        if chance.random() < 0.03:
            writers.kill(chance.choice([name for name in writers.running if "add" not in name]))
        time.sleep(0.03)
    for name in list(writers.running):
        writers.end(name)
    acknowledged = writers.acknowledged()

    catalog = open_catalog(tmp_path / "c" / "catalog.sqlite", lock_wait_s=60)
    with new_collection(tmp_path / "c", catalog=catalog) as collection:
        collection.index(photos, prune=True)
        files = {file.path: file.image_id for file in catalog.files()}
        assert files == {str(path): content_id(path.read_bytes()) for path in photos.iterdir()}
        strays = known_ids(catalog) - set(files.values()) - set(acknowledged)
        assert len(strays) <= 1  # one that was added and not told of
        assert set(acknowledged) <= known_ids(catalog)
        assert set(acknowledged) <= set(collection._parts.objects.ids())
        assert catalog.check() == []
        assert len(collection.search(next(iter(files.values())), k=1_000)) == len(known_ids(catalog))


def stir(photos: Path, chance: random.Random) -> None:
    """Delete, change, or rename a file over another; at least one stays, so that the folder vouches for the rest."""
    one, other = (photos / f"{chance.randrange(FILES)}.png" for _ in range(2))
    act = chance.random()
    if act < 0.3:
        write(one, chance.randrange(PICTURES))
    elif act < 0.5 and one.exists() and len(os.listdir(photos)) > FILES // 2:
        one.unlink()
    elif act < 0.7 and one.exists() and len(os.listdir(photos)) > FILES // 2:
        one.replace(other)
