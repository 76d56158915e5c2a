"""Remove pictures: their rows first, then their bytes; of many some at a time, so that who else writes has a turn.

A process that is killed in between leaves some of them there, or bytes that nothing refers to, which are swept later.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from lookalike.catalog.base import Catalog, KeptPicture, Reads, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.errors import NotIndexed
from lookalike.core.filters import Filter
from lookalike.core.like import escape_like
from lookalike.core.paths import absolute
from lookalike.core.records import LEAST_OF_AN_ID
from lookalike.objects.base import Objects
from lookalike.parts.kept_bytes import mark_kept

AT_ONCE = 1_000
"""So many pictures are removed in a transaction; 1,000 take about a second."""

_NO_KEYS = np.empty(0, np.int64)


def remove_pictures(catalog: Catalog, objects: Objects, *, named: Sequence[str], where: Filter, forever: bool) -> int:
    """Remove those that are named, and those that pass a filter when it is their turn.

    Args:
        catalog: the truth.
        objects: bytes of pictures that were added without a file.
        named: ids, their beginnings, or paths of indexed files.
        where: a filter; one that asks nothing chooses nothing.
        forever: keep nothing of them.
    Returns:
        how many were removed; with `forever` also those of which only metadata was kept.
    Raises:
        NotIndexed: when one of those is not in the collection; nothing is removed then.
        ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`; whole batches may have been removed then.
    """
    return _Removal(catalog, objects, named, where, forever=forever).run()


class _MeantOtherwise(Exception):
    """A name stands for another picture than it did a moment ago."""


class _Removal:
    """Removes batch by batch; what it looks at in the objects, it looks at before the transaction."""

    def __init__(
        self, catalog: Catalog, objects: Objects, named: Sequence[str], where: Filter, *, forever: bool
    ) -> None:
        self._catalog = catalog
        self._objects = objects
        self._named = named
        self._where = where
        self._forever = forever
        self._begun = False

    def run(self) -> int:
        chosen = self._catalog.select(self._where) if self._where else _NO_KEYS
        removed = 0
        while True:
            ids = self._ids(self._catalog)
            try:
                for start in range(0, len(ids), AT_ONCE):
                    removed += self._remove(partial(self._still_meant, ids, start))
                break
            except _MeantOtherwise:
                continue
        for start in range(0, len(chosen), AT_ONCE):
            removed += self._remove(partial(self._still_passing, chosen[start : start + AT_ONCE].tolist()))
        return removed

    def _remove(self, choose: Callable[[Reads], list[str]]) -> int:
        lacking = {one for one in choose(self._catalog) if not self._objects.has(one)}

        def block(transaction: Transaction) -> tuple[int, Callable[[Catalog, Objects], None]]:
            ids = choose(transaction)
            removed = transaction.forget_forever(ids) if self._forever else transaction.remove_images(ids)
            return removed, mark_kept(transaction, [one for one in ids if one not in lacking])

        commit = partial(in_transaction, self._catalog, block)
        removed, delete = patiently(commit) if self._begun else commit()
        self._begun = True
        delete(self._catalog, self._objects)
        return removed

    def _ids(self, reads: Reads) -> list[str]:
        return sorted({_id_of(one, reads, also_forgotten=self._forever) for one in self._named})

    def _still_meant(self, ids: list[str], start: int, reads: Reads) -> list[str]:
        if start == 0 and self._ids(reads) != ids:
            raise _MeantOtherwise
        return ids[start : start + AT_ONCE]

    def _still_passing(self, keys: Sequence[int], reads: Reads) -> list[str]:
        pictures = reads.pictures(keys).values()
        return [one.image.id for one in pictures if any(self._where.matches(one.image, at) for at in _paths(one))]


def _paths(picture: KeptPicture) -> list[str | None]:
    """As which files a picture is shown to a filter."""
    return [file.path for file in picture.files] or [None]


def _id_of(text: str, reads: Reads, *, also_forgotten: bool) -> str:
    file = reads.file(absolute(text))
    matches = [file.image_id] if file else []
    if not matches and set(text) <= set("0123456789abcdef") and len(text) >= LEAST_OF_AN_ID:
        kept = reads.find_forgotten(text) if also_forgotten else []
        matches = sorted({*reads.find_ids(text), *kept})
    if len(matches) != 1:
        raise NotIndexed(f"nothing was removed: {_why_none(text, reads, is_several=bool(matches))}")
    return matches[0]


def _why_none(text: str, reads: Reads, *, is_several: bool) -> str:
    if is_several:
        return f"expected the beginning of one id, but several begin with {text!r}; write out more letters"
    below = os.path.join(absolute(text), "")
    if count := sum(1 for _ in reads.files(below=absolute(text))):
        pattern = escape_like(below).replace('"', '""') + "%"
        where = f'path like "{pattern}"'
        return (
            f"expected a picture, but {text!r} is a folder (files known below it: {count:,}); "
            f"use --where {shlex.quote(where)} to choose its pictures"
        )
    return f"neither is {text!r} an indexed path, nor does an id begin with it; copy one from `lookalike search --json`"
