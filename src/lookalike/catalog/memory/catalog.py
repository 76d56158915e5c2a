"""The catalog in memory: one state after another, each there as a whole."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import RLock

from lookalike.catalog.base import CHANGES_AT_ONCE
from lookalike.catalog.memory.reads import MemoryReads
from lookalike.catalog.memory.state import State
from lookalike.catalog.memory.transaction import MemoryTransaction
from lookalike.catalog.numbered_feed import ALL_KINDS, check_limit, entries_of, page_of, place_of, unknown
from lookalike.core.errors import BadInput, CollectionError, WrongModel
from lookalike.core.records import ChangeKind, ChangePage, Cursor, numbered_cursor
from lookalike.core.retention import KEEP_REMOVED_DAYS


class MemoryCatalog(MemoryReads):
    """See `lookalike.catalog.base.Catalog`.

    Args:
        keep_removed_days: for which the metadata of removed pictures is kept.
        clock: seconds since 1970.
    """

    def __init__(self, *, keep_removed_days: int = KEEP_REMOVED_DAYS, clock: Callable[[], float] = time.time) -> None:
        self._keep_days = keep_removed_days
        self._clock = clock
        self._state = State()
        self._model: tuple[str, int] = ("", 0)
        self._history = secrets.token_hex(8)
        self._turn = RLock()
        self._is_changing = False

    @property
    def model_id(self) -> str:
        """The model whose vectors are kept; '' until `claim_model`."""
        return self._model[0]

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        return self._model[1]

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check."""
        if not model_id or dimension < 1:
            raise BadInput(
                f"expected the id of a model and its dimension, got {model_id!r} and {dimension}"
                "; take both from the model's card"
            )
        with self._turn:
            self._model = self._model if self._model[0] else (model_id, dimension)
        if self._model != (model_id, dimension):
            raise WrongModel(
                f"expected model {self.model_id[:12]} ({self.dimension} wide), whose vectors the collection holds, got "
                f"{model_id[:12]} ({dimension} wide): open it with that model, or make another collection"
            )

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[MemoryTransaction]:  # noqa: ARG002 - no other process is there
        """Begin changes: they become true when the block ends, and are dropped when it raises."""
        with self._turn:
            if self._is_changing:
                raise CollectionError("a transaction was begun inside another one of the same thread; end that first")
            self._is_changing = True
            try:
                transaction = MemoryTransaction(
                    self._state, model=self._model, keep_days=self._keep_days, now_s=int(self._clock())
                )
                yield transaction
                self._state = transaction.state
            finally:
                self._is_changing = False

    def version(self) -> str:
        """A word that is another one after every commit; see `Catalog`."""
        return f"{self._state.version} {self._history}"

    def changes(
        self, since: Cursor, *, kinds: Collection[ChangeKind] | None = None, limit: int = CHANGES_AT_ONCE
    ) -> ChangePage:
        """What has changed after a place in the feed; see `Catalog`."""
        check_limit(limit)
        state, place = self._state, place_of(since)
        if place is None or not self.follows(since):
            raise unknown(since)
        entries = sorted(
            entry
            for key, (seq, vector_seq, removed) in state.changed.items()
            for entry in entries_of(
                key, last=seq, vector=vector_seq, removed=removed, kinds=ALL_KINDS if kinds is None else kinds
            )
            if entry.position > place.seq
        )
        return page_of(entries, limit=limit, end=self._cursor_at(state.last_seq), cursor_at=self._cursor_at)

    def cursor(self) -> Cursor:
        """The place after the newest change; see `Catalog`."""
        return self._cursor_at(self._state.last_seq)

    def follows(self, cursor: Cursor) -> bool:
        """Whether a place is of this catalog's history; see `Catalog`."""
        place = place_of(cursor)
        if place is None or place.seq > self._state.last_seq:
            return False
        return cursor == self._cursor_at(place.seq)

    def _cursor_at(self, seq: int) -> Cursor:
        return numbered_cursor(seq, self._history)

    def _view(self) -> State:
        return self._state

    is_unchanged = True
    """Nobody else can come to it."""

    def is_current(self) -> bool:
        """Always."""
        return True

    def let_go(self) -> None:
        """Nothing: no file is open."""

    def identity(self) -> str:
        """A random word for the collection; see `Catalog`."""
        return self._history

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.add_further_model(name, model_id, dimension)

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors; see `Catalog`."""
        with self.transaction() as transaction:
            transaction.drop_further_model(name)

    def check(self) -> list[str]:
        """Look for damage: files of pictures that are not there."""
        state = self._state
        lost = [path for path, file in state.files.items() if file.image_id not in state.pictures]
        return [f"{len(lost)} rows of files belong to no picture"] if lost else []

    def close(self) -> None:
        """Nothing to let go of."""
