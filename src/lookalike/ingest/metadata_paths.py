"""Which picture a path in a table means, however it is written.

A file system may keep `ü` as one character or as two, a table the other way round; so names count as the same that are
equal in Unicode's normal form C, where only one is. Other systems' tables have backslashes, `file://`, spaces behind.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from lookalike.core.records import FileRecord

if TYPE_CHECKING:
    from lookalike.ingest.metadata import MetadataTable


class PicturesByPath:
    """Finds the pictures that paths of a table may mean.

    Args:
        files: those that are indexed.
        table: whose paths they are.
    """

    def __init__(self, files: Iterable[FileRecord], table: MetadataTable) -> None:
        self._table = table
        self._by_path = {file.path: file.image_id for file in files}
        self._by_form: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in self._by_path:
            form = _form(path)
            self._by_form[form].append(path)
            if table.by_tail:
                self._by_name[_name(form)].append(path)

    def named(self, path: str) -> list[str]:
        """Ids of the pictures that a path may mean, sorted: one, none or several."""
        writings = list(_writings(path))
        for writing in writings:
            for whole in self._places(writing):
                if whole in self._by_path:
                    return [self._by_path[whole]]
        for writing in writings:
            for whole in self._places(writing):
                if alike := self._by_form.get(_form(whole)):
                    return self._ids(alike)
        return next((ids for writing in writings if (ids := self._ids(self._ending_in(writing)))), [])

    def without(self, image_ids: set[str]) -> dict[str, str]:
        """Pictures that are none of these, with a path of each; all, or those below the root that was said."""
        below = "" if self._table.by_tail else os.path.join(self._table.root, "")
        others: dict[str, str] = {}
        for path, image_id in self._by_path.items():
            if image_id not in image_ids and path.startswith(below):
                others[image_id] = min(path, others.get(image_id, path))
        return others

    def meant(self, path: str) -> str | None:
        """A file whose name differs in nothing but case and ending, if there is just one."""
        wanted = _stem(path.replace("\\", "/").strip())
        alike = [one for one in self._by_path if _stem(one) == wanted]
        return alike[0] if len(alike) == 1 else None

    def _ids(self, paths: Iterable[str]) -> list[str]:
        return sorted({self._by_path[path] for path in paths})

    def _places(self, path: str) -> Iterator[str]:
        """The path itself, then, where folders are links, where it really lies."""
        whole = self._table.absolute(path)
        yield whole
        yield os.path.realpath(whole)

    def _ending_in(self, path: str) -> list[str]:
        if not self._table.by_tail or path.startswith("/"):
            return []
        tail = "/" + _form(os.path.normpath(path))
        return [one for one in self._by_name[_name(tail)] if _form(one).endswith(tail)]


def _writings(path: str) -> Iterator[str]:
    """A path as it is written, and as it may be meant."""
    yield path
    meant = path.strip()
    if meant.lower().startswith("file://"):
        meant = unquote(urlsplit(meant).path)
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
