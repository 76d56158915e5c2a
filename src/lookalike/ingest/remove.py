"""Remove pictures: their rows first, then their bytes; of many some at a time, so that who else writes has a turn.

A process that is killed in between leaves some of them there, or bytes that nothing refers to, which are swept later.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from functools import partial

import numpy as np

from lookalike.catalog.base import Catalog, Transaction
from lookalike.catalog.patience import patiently
from lookalike.core.errors import NotIndexed
from lookalike.core.filters import Filter
from lookalike.core.like import escape_like
from lookalike.core.records import LEAST_OF_AN_ID
from lookalike.core.vectors import Keys
from lookalike.images.walk import absolute
from lookalike.objects.base import Objects

AT_ONCE = 1_000
"""So many pictures are removed in a transaction; 1,000 take about a second."""


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
    with catalog.transaction() as transaction:
        ids = {_id_of(one, catalog, also_forgotten=forever) for one in named}
        chosen = catalog.ids(catalog.select(where).tolist()) if where else {}
        by_filter = {image_id: key for key, image_id in chosen.items() if image_id not in ids}
        every = [*sorted(ids), *by_filter]
        removed = _forget(transaction, every[:AT_ONCE], forever=forever)
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        if start:
            removed += patiently(partial(_remove, catalog, some, by_filter, where, forever=forever))
        patiently(partial(_delete_bytes, catalog, objects, some))
    return removed


def _id_of(text: str, catalog: Catalog, *, also_forgotten: bool) -> str:
    file = catalog.file(absolute(text))
    matches = [file.image_id] if file else []
    if not matches and set(text) <= set("0123456789abcdef") and len(text) >= LEAST_OF_AN_ID:
        kept = catalog.find_forgotten(text) if also_forgotten else []
        matches = sorted({*catalog.find_ids(text), *kept})
    if len(matches) != 1:
        raise NotIndexed(f"{_why_none(text, catalog, is_several=bool(matches))}; nothing was removed")
    return matches[0]


def _why_none(text: str, catalog: Catalog, *, is_several: bool) -> str:
    if is_several:
        return f"several ids begin with {text!r}"
    below = os.path.join(absolute(text), "")
    if count := sum(file.path.startswith(below) for file in catalog.files()):
        pattern = escape_like(below).replace('"', '""') + "%"
        where = f'path like "{pattern}"'
        return (
            f"{text!r} is a folder (files known below it: {count:,}): --where {shlex.quote(where)} chooses its pictures"
        )
    return f"neither is {text!r} an indexed path, nor does an id begin with it"


def _remove(catalog: Catalog, some: list[str], by_filter: dict[str, int], where: Filter, *, forever: bool) -> int:
    """A batch, without those that have come to pass the filter no longer."""
    with catalog.transaction() as transaction:
        if any(one in by_filter for one in some):
            passing = set(_among([by_filter[one] for one in some if one in by_filter], catalog.select(where)))
            some = [one for one in some if by_filter.get(one) in passing or one not in by_filter]
        return _forget(transaction, some, forever=forever)


def _among(keys: Sequence[int], selected: Keys) -> list[int]:
    given = np.array(keys, dtype=np.int64)
    return [int(key) for key in given[np.isin(given, selected)]]


def _forget(transaction: Transaction, ids: Sequence[str], *, forever: bool) -> int:
    return transaction.forget_forever(ids) if forever else transaction.remove_images(ids)


def _delete_bytes(catalog: Catalog, objects: Objects, ids: Sequence[str]) -> None:
    with catalog.transaction():  # in which nobody adds one of them again and would lose its bytes
        there = catalog.keys(ids)
        objects.delete([one for one in ids if one not in there])
