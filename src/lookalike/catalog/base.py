"""The promise of a catalog: the truth about a collection.

A catalog holds the pictures, the files in which they lie, the users' metadata and the raw vectors (float16), each
change told in a feed. What `Transaction` has committed survives the death of the process and of
the machine. An index is only ever a view of it.

Every picture has a vector of the collection's own model. Beside these, a catalog keeps vectors of further models, each
under a name of the user's choice; a picture may lack such a vector. They are no part of the change feed: they follow
from the picture's bytes, so they never change while the picture is there.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

from lookalike.catalog.reads import Reads
from lookalike.catalog.records import (
    CHANGES_AT_ONCE,
    DAY_S,
    MAIN,
    MOST_FIELDS,
    PROJECTIONS_KEPT,
    STALE_MARK_S,
    CatalogFacts,
    FurtherModel,
    KeptPicture,
    StoredVectors,
)
from lookalike.catalog.transaction import Transaction
from lookalike.core.records import ChangeKind, ChangePage, Cursor

__all__ = [
    "CHANGES_AT_ONCE",
    "DAY_S",
    "MAIN",
    "MOST_FIELDS",
    "PROJECTIONS_KEPT",
    "STALE_MARK_S",
    "Catalog",
    "CatalogFacts",
    "FurtherModel",
    "KeptPicture",
    "Reads",
    "StoredVectors",
    "Transaction",
]


class Catalog(Reads, Protocol):
    """All reads see one committed state per call, also while a transaction is open; those that iterate, one per batch.

    So whoever reads in batches and must miss nothing notes `cursor()` before, and follows `changes` after.
    Safe to use from many threads.
    """

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check.

        Raises:
            WrongModel: when the catalog is bound to another model.
            ReadOnly, Locked, StorageFailed: as in `transaction`, when it has to be bound.
        """
        ...

    def transaction(self, *, wait: bool = True) -> AbstractContextManager[Transaction]:
        """Begin changes: committed durably when the block ends, undone when it raises.

        What is read through the transaction is what is changed. Others may write at the same time: an engine has them
        wait for one another (SQLite, memory), or lets the one that commits first win and raises `Overtaken` in the
        other. So whoever begins a block must be able to run it again from its beginning: it changes nothing but the
        transaction, neither its own counters nor kept bytes, until it has committed. `lookalike.catalog.patience` runs
        such blocks.

        Between two blocks others may have written, so what was read before has to be looked at again. Read first, then
        change, and not without end: changes that no longer fit into memory (256 MB) keep all readers out, this
        thread's own, too. Transactions do not nest.

        Args:
            wait: for another process or thread that is writing, for a short while; else give up at once.
        Raises:
            ReadOnly: when the catalog was opened for reading, or the disk does not take writes.
            Locked: when another one is writing and does not stop within that while; nothing of the block remains, if
                it was begun at all.
            Overtaken: at the end of the block, when another one has changed what was read in it.
            DeadlineExceeded: when the work was to end before its turn came; see `lookalike.core.ending`.
            StorageFailed: when the disk is full or fails; nothing of the block remains then.
            ServiceDown: when a catalog elsewhere does not answer. Where that comes at the end of the block, nobody can
                say whether it was committed: all calls are idempotent, so the block may be run again.
        """
        ...

    def version(self) -> str:
        """A word that is another one after every commit that changed anything: also files, refusals, further vectors.

        So what was computed from the catalog's contents may be used again as long as this is the same; `cursor` does
        not tell when a file was forgotten. To be compared for equality only. Cheap.
        """
        ...

    def changes(
        self, since: Cursor, *, kinds: Collection[ChangeKind] | None = None, limit: int = CHANGES_AT_ONCE
    ) -> ChangePage:
        """What has changed after a place in the feed: each picture once per page, as it is now.

        Who goes on from each page's cursor misses nothing, however late a change is committed: it comes on a later
        page. A picture whose vector changed and then its metadata is told once on a page, as VECTOR, and may be told
        once more on the next. What nobody asked for costs nothing: its page is empty, and the cursor has moved past it.

        Args:
            since: from an earlier page, from `cursor`, or START.
            kinds: that are told; None for all. Where VECTOR is not asked for, METADATA tells of every picture of which
                anything has changed, its vector included: one change may hide behind the other.
            limit: how many changes to tell at most, at least 1.
        Raises:
            CursorUnknown: when `since` is not of this catalog's history.
            BadInput: when `limit` is less than 1.
        """
        ...

    def cursor(self) -> Cursor:
        """The place after the newest change that `changes` tells now; START in a new catalog. Cheap."""
        ...

    def follows(self, cursor: Cursor) -> bool:
        """Whether a place is of this catalog's history: whether `changes` can go on from there.

        It is not where the catalog was made anew since, or put back from an older copy and changed in another way.
        START always is.
        """
        ...

    def identity(self) -> str:
        """A random word for this collection, which no other one has that is ever made; '' until something is written.

        A copy has it, too, and goes on having it: `follows` tells histories of the same collection apart.
        """
        ...

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name. Idempotent.

        Args:
            name: at most 64 letters, digits, `.`, `-` and `_`, beginning with a letter; not `main`.
            model_id: SHA-256 of its file.
            dimension: D of its vectors, at least 1.
        Raises:
            BadInput: when it can be no name, or the model is here already, under another name or as the catalog's own.
            WrongModel: when the name belongs to another model.
            ReadOnly, Locked, StorageFailed: as in `transaction`.
        """
        ...

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors. Their room on disk is used again for what comes, not given back.

        Raises:
            BadInput: when there is no further model of that name.
            ReadOnly, Locked, StorageFailed: as in `transaction`.
        """
        ...

    def check(self) -> list[str]:
        """Look for damage. Reads everything, so it takes as long as that.

        Returns:
            what does not hold, one line each; empty where all is well.
        Raises:
            Locked, StorageFailed: when it cannot be read at all.
        """
        ...

    @property
    def is_unchanged(self) -> bool:
        """Whether it is certain, without asking anybody, that it is what was read last. At once, and never waits.

        False where that is not known, as of a database elsewhere: then `is_current` asks. An engine that goes by the
        time of a file does not notice who writes twice within one tick of the disk's clock.
        """
        ...

    def is_current(self) -> bool:
        """Whether it can be read, and is still what was opened: not another in its place, nor an older state.

        Where it is not, everything else raises `CollectionReplaced`, or `NoCollection` where there is none.
        """
        ...

    def let_go(self) -> None:
        """Keep nothing open that nobody uses at the moment: files, connections. It goes on working, only slower.

        What is in use goes on to its end; `close` ends that.
        """
        ...

    def close(self) -> None:
        """Let go of files and locks. Idempotent."""
        ...
