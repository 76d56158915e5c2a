"""Bytes that a collection keeps, beside the rows of its catalog that refer to them: never lost, though no transaction
spans both.

Bytes go up before the transaction that refers to them: their name is their hash, so twice is once, and what nothing
refers to in the end is swept after a day (`lookalike.doctor.orphans`). They are deleted after the transaction that
removed the picture. Between these two somebody may add the same picture again. So who is about to delete says so in
the transaction that removes, and takes the mark away when it is done; who adds looks for the mark within its own
transaction, and where it is there waits for its end and puts the bytes again. Once it has committed, it looks whether
the bytes are there, for a whole deletion may have come between. A mark has an end: whoever made it may have died, and
deletes nothing after it. Clocks of machines differ, and jump: so who deletes and who waits each counts the seconds
since the mark was there, and neither compares its clock with the other's.

A store is never asked within a transaction: it may be far away, and a transaction keeps others waiting, or is run
again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import TypeVar

from lookalike.catalog.base import STALE_MARK_S, Catalog, Reads, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.errors import Locked, StorageFailed
from lookalike.objects.base import Objects
from lookalike.objects.streams import Data

LASTS_S = 30.0
"""How long whoever has marked bytes may delete them, in seconds."""

_MARGIN_S = 10.0  # between the last deletion that is begun and the end of the mark: as long as one may take
_AT_ONCE = 100
_LOOK_EVERY_S = 0.01

_log = logging.getLogger(__name__)

T = TypeVar("T")


class _BeingDeleted(Exception):
    """The bytes that were put may be deleted at any moment, until then."""

    def __init__(self, until: float) -> None:
        super().__init__(until)
        self.until = until


def keep_and_commit(
    catalog: Catalog, objects: Objects, image_id: str, data: Data, block: Callable[[Transaction], T]
) -> T:
    """Keep bytes, then commit what refers to them. They are there when it is committed.

    Args:
        catalog: of the collection.
        objects: of the collection.
        image_id: SHA-256 of `data`.
        data: the bytes; where in pieces, they must be there each time anew.
        block: as in `in_transaction`; refers to the bytes.
    Returns:
        what the block gave back.
    Raises:
        Locked: when somebody goes on deleting these very bytes, or as in `Catalog.transaction`.
        NoCollection, CollectionReplaced: when the collection was removed or replaced meanwhile.
        ReadOnly, StorageFailed: when something cannot be written. Bytes may be left then that nothing refers to.
    """
    give_up_at = time.monotonic() + 2 * LASTS_S
    while True:
        _put(objects, data, catalog)
        try:
            given = in_transaction(catalog, lambda transaction: _unless_deleted(transaction, image_id, block))
        except _BeingDeleted as mark:
            if time.monotonic() > give_up_at:
                raise Locked(
                    f"expected to keep the bytes of {image_id}, got another who deletes them all the time: "
                    "try again later"
                ) from mark
            _await_end(catalog, image_id, mark.until)
        else:
            if not objects.has(image_id):  # marked, deleted and done with, all between the putting and the commit
                _put(objects, data, catalog)
            return given


def _put(objects: Objects, data: Data, catalog: Catalog) -> None:
    catalog.cursor()  # of a collection that was removed this is told, and nothing put where another is being made
    try:
        objects.put(data)
    except StorageFailed:
        catalog.cursor()  # a store whose collection was removed or replaced meanwhile fails, too: then that is told
        raise


class Kept:
    """What was seen of kept bytes before a transaction.

    Args:
        stamps: of the pictures that were looked at, read before that.
        there: ids of those whose bytes were there.
    """

    def __init__(self, stamps: Mapping[str, str], there: Container[str]) -> None:
        self._stamps = stamps
        self._there = there

    def find_lacking(self, image_ids: Sequence[str], transaction: Reads) -> list[str]:
        """Those of these pictures whose bytes are not kept, in their order.

        Where one of them was not looked at, or changed since, as when somebody has added its bytes, the block is run
        again.
        """
        now = transaction.stamps(image_ids)
        if unseen := [one for one in image_ids if one not in self._stamps or self._stamps[one] != now.get(one)]:
            raise _NotLookedAt(unseen)
        return [one for one in image_ids if one not in self._there]


class _NotLookedAt(Exception):
    """A transaction depends on kept bytes that have to be looked at before it."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(ids)
        self.ids = ids


def commit_by_kept(catalog: Catalog, objects: Objects, block: Callable[[Transaction, Kept], T]) -> T:
    """Commit a block that depends on which bytes are kept; patiently.

    Args:
        catalog: of the collection.
        objects: of the collection; looked at between two attempts where the block asks for what was not seen.
        block: as in `in_transaction`; reads before it writes.
    Returns:
        what the block gave back.
    Raises:
        ReadOnly, Locked, StorageFailed: as in `Catalog.transaction`.
    """
    kept = Kept({}, ())
    asked: set[str] = set()
    while True:
        try:
            return patiently(partial(in_transaction, catalog, partial(_by_kept, block, kept)))
        except _NotLookedAt as unseen:
            asked.update(unseen.ids)
            stamps = catalog.stamps(sorted(asked))  # before the look: who adds bytes commits after having put them
            kept = Kept(stamps, {one for one in stamps if objects.has(one)})


def _by_kept(block: Callable[[Transaction, Kept], T], kept: Kept, transaction: Transaction) -> T:
    return block(transaction, kept)


def mark_kept(
    transaction: Transaction, ids: Sequence[str], *, clock: Callable[[], float] = time.time
) -> Callable[[Catalog, Objects], None]:
    """Mark bytes as being deleted, in the transaction after which nothing refers to them.

    Args:
        transaction: in which their pictures go, or are not there.
        ids: of the bytes.
        clock: Unix time in seconds.
    Returns:
        deletes them, and takes the marks away; to be called when the transaction is committed.
    """
    until = clock() + LASTS_S
    if ids:
        transaction.begin_deleting(ids, until=until)
    given_up_at = time.monotonic() + LASTS_S - _MARGIN_S

    def is_late() -> bool:
        """By either clock: the one may jump, the other stands still while the machine sleeps."""
        return time.monotonic() > given_up_at or clock() > until - _MARGIN_S

    return partial(_delete, ids=list(ids), until=until, is_late=is_late)


def delete_unreferenced(
    catalog: Catalog, objects: Objects, ids: Sequence[str], *, clock: Callable[[], float] = time.time
) -> list[str]:
    """Delete those of these bytes that no picture refers to.

    Returns:
        their ids.
    Raises:
        ReadOnly, Locked, StorageFailed: when something cannot be written or deleted; some may be deleted then.
    """

    def mark(transaction: Transaction) -> tuple[list[str], Callable[[Catalog, Objects], None]]:
        there = transaction.keys(ids)
        orphans = [one for one in ids if one not in there]
        return orphans, mark_kept(transaction, orphans, clock=clock)

    orphans, delete = patiently(partial(in_transaction, catalog, mark))
    delete(catalog, objects)
    return orphans


def _delete(
    catalog: Catalog, objects: Objects, *, ids: Sequence[str], until: float, is_late: Callable[[], bool]
) -> None:
    if not ids:
        return
    try:
        for start in range(0, len(ids), _AT_ONCE):
            if is_late():
                _log.warning("%d kept pictures are deleted later: it took too long", len(ids) - start)
                break
            objects.delete(ids[start : start + _AT_ONCE])
    finally:
        patiently(partial(in_transaction, catalog, lambda transaction: transaction.end_deleting(ids, until=until)))


def _unless_deleted(transaction: Transaction, image_id: str, block: Callable[[Transaction], T]) -> T:
    mark = transaction.deleting([image_id])
    if mark:
        raise _BeingDeleted(mark[image_id])
    return block(transaction)


def _await_end(catalog: Catalog, image_id: str, until: float) -> None:
    """Wait until the mark is gone; where it was there for as long as a mark lasts, take it away."""
    over_at = time.monotonic() + LASTS_S
    while catalog.deleting([image_id]).get(image_id) == until:
        if time.monotonic() > over_at or time.time() > until + STALE_MARK_S:
            in_transaction(catalog, lambda transaction: transaction.end_deleting([image_id], until=until))
            return
        time.sleep(_LOOK_EVERY_S)
