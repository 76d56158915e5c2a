"""Which picture a path in a table means, however it is written.

A file system may keep `ü` as one character or as two, a table the other way round; so names count as the same that are
equal in Unicode's normal form C, where only one is. Other systems' tables have backslashes, `file://`, spaces behind.
"""

from __future__ import annotations

import os
from array import array
from collections import defaultdict
from collections.abc import Collection, Container, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np

from lookalike.catalog.base import Reads
from lookalike.core.errors import FetchRefused
from lookalike.images.file_urls import path_of

if TYPE_CHECKING:
    from lookalike.ingest.metadata import MetadataTable


MOST_EXAMPLES = 5


class PicturesByPath:
    """Finds pictures that paths of a table may mean: goes through all files once, and keeps those that are asked for.

    Args:
        reads: where files are indexed.
        table: whose paths they are.
    """

    def __init__(self, reads: Reads, table: MetadataTable) -> None:
        self._table = table
        writings = [one for row in table.rows if row.path is not None for one in _writings(row.path)]
        places = {place for writing in writings for place in self._places(writing)}
        forms = set(map(_form, places))
        tails = {tail for writing in writings if (tail := self._tail(writing)) is not None}
        names = set(map(_name, tails))
        self._by_path: dict[str, str] = {}
        self._by_form: dict[str, set[str]] = defaultdict(set)
        self._by_tail: dict[str, set[str]] = defaultdict(set)
        for file in reads.files() if writings else ():
            form = _form(file.path)
            if form in forms:
                self._by_form[form].add(file.image_id)
                if file.path in places:
                    self._by_path[file.path] = file.image_id
            if _name(form) in names:
                for tail in _tails(form):
                    if tail in tails:
                        self._by_tail[tail].add(file.image_id)

    def find(self, path: str) -> list[str]:
        """Ids of the pictures that a path may mean, sorted: one, none or several."""
        writings = list(_writings(path))
        for writing in writings:
            for whole in self._places(writing):
                if whole in self._by_path:
                    return [self._by_path[whole]]
        for writing in writings:
            for whole in self._places(writing):
                if alike := self._by_form.get(_form(whole)):
                    return sorted(alike)
        tails = (tail for writing in writings if (tail := self._tail(writing)) is not None)
        return next((sorted(ids) for tail in tails if (ids := self._by_tail.get(tail))), [])

    def _places(self, path: str) -> Iterator[str]:
        """The path itself, then, where folders are links, where it really lies."""
        whole = self._table.absolute(path)
        yield whole
        yield os.path.realpath(whole)

    def _tail(self, path: str) -> str | None:
        """What a file's path may end in; None where the path says where it lies."""
        if not self._table.by_tail or path.startswith("/"):
            return None
        return "/" + _form(os.path.normpath(path))


def files_meant(reads: Reads, paths: Collection[str]) -> dict[str, str]:
    """By path of a table, a file whose name differs in nothing but case and ending, if there is just one."""
    stems = {path: _stem(path.replace("\\", "/").strip()) for path in paths}
    wanted = set(stems.values())
    alike: dict[str, list[str]] = defaultdict(list)
    for file in reads.files() if wanted else ():
        stem = _stem(file.path)
        if stem in wanted and len(alike[stem]) < 2:
            alike[stem].append(file.path)
    return {path: alike[stem][0] for path, stem in stems.items() if len(alike.get(stem, ())) == 1}


def pictures_without_row(reads: Reads, table: MetadataTable, named: Container[str]) -> tuple[int, list[str]]:
    """Pictures that no row names: how many, and the first few of their paths.

    Args:
        reads: where files are indexed.
        table: of which the root was said: only what lies below it counts.
        named: ids of the pictures that a row names.
    """
    seen = array("Q")  # the beginnings of their ids, once for each file
    first: dict[str, str] = {}  # by id, the path, of those with the least ones
    for file in reads.files(below=None if table.by_tail else table.root):
        if file.image_id in named:
            continue
        seen.append(int(file.image_id[:16], 16))
        if file.image_id in first:
            first[file.image_id] = min(file.path, first[file.image_id])
        elif len(first) < MOST_EXAMPLES:
            first[file.image_id] = file.path
        elif file.path < (last := max(first.values())):
            first = {one: path for one, path in first.items() if path != last}
            first[file.image_id] = file.path
    return len(np.unique(np.frombuffer(seen, np.uint64))) if seen else 0, sorted(first.values())


def _tails(form: str) -> Iterator[str]:
    """All that a path ends in, from its name on."""
    at = len(form)
    while (at := form.rfind("/", 0, at)) >= 0:
        yield form[at:]


def _writings(path: str) -> Iterator[str]:
    """A path as it is written, and as it may be meant."""
    yield path
    meant = path.strip()
    if meant.lower().startswith("file://"):
        with suppress(FetchRefused):  # of another machine, or no path: as it is written
            meant = path_of(meant)
    if meant != path:
        yield meant
    if "\\" in meant:
        yield meant.replace("\\", "/")


def _form(path: str) -> str:
    return normalize("NFC", path)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    return os.path.splitext(_name(_form(path)))[0].casefold()
