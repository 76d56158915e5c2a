"""Millions of paths in little memory, exactly."""

from __future__ import annotations

import os
import random
import tracemalloc

import pytest

from lookalike.images.walk import FoundFile
from lookalike.ingest import path_set
from lookalike.ingest.path_set import FilesToRead, PathSet

HOSTILE = [
    "/a",
    "/a.jpg",
    "/a/b",
    "/a/b c",
    "/a/\udcff",
    "/a/ü",
    "/a/u\u0308",
    "/a/b/b",
    "/b/a\nb",
    "/b/.x",
    "/" + "n" * 255,
]


def test_what_was_added_is_in_it_and_nothing_else() -> None:
    paths = PathSet()
    assert "/a" not in paths
    for path in HOSTILE:
        paths.add(path)
    assert len(paths) == len(HOSTILE)
    assert all(path in paths for path in HOSTILE)
    for other in ("/a/", "/a/b/", "/a/c", "/", "", "/A", "/a/b/b/b", "/b", "/c/d", "/a/\udcfe"):
        assert other not in paths
    assert 5 not in paths
    assert sorted(paths.folders()) == ["/", "/a", "/a/b", "/b"]


def test_it_says_the_same_as_a_set_in_whatever_order_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_set, "_MOST_FOLDERS", 2)
    chance = random.Random(0)
    paths, plain = PathSet(), set[str]()
    for _ in range(2_000):
        path = f"/{chance.randrange(5)}/{chance.randrange(5)}/{chance.randrange(200)}"
        assert (path in paths) == (path in plain)
        if path not in plain and chance.random() < 0.7:
            paths.add(path)
            plain.add(path)
    assert len(paths) == len(plain)


def test_files_to_read_come_as_they_were_added_folder_by_folder() -> None:
    files = [(FoundFile(path, n - 1, n * 10**18 - 1), n * 2**60 - 2) for n, path in enumerate(HOSTILE[:4])]
    to_read = FilesToRead()
    for file, number in files:
        to_read.add(file, number)
    assert len(to_read) == len(files)
    assert list(to_read) == list(to_read) == sorted(files, key=lambda one: os.path.dirname(one[0].path))


def test_a_path_takes_a_fraction_of_what_a_text_takes() -> None:
    N = 50_000

    def names() -> list[str]:
        return [f"/photos/of/some/years/{n % 50}/IMG_{n:08}.jpg" for n in range(N)]

    tracemalloc.start()
    try:
        plain = set(names())
        as_texts, _ = tracemalloc.get_traced_memory()
        del plain
        before, _ = tracemalloc.get_traced_memory()
        paths, to_read = PathSet(), FilesToRead()
        for path in names():
            paths.add(path)
            to_read.add(FoundFile(path, 1, 1), 0)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < as_texts / 1.5
    assert (after - before) / N < 90
