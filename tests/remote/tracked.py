"""Rows that note which of them were read, so that a database can tell whether another transaction came in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Row = TypeVar("Row")


class Tracked(dict[Key, Row], Generic[Key, Row]):
    """A table as one transaction sees it: a copy, which notes what was asked of it.

    Attributes:
        asked: the keys that were looked up, whether they were there or not.
        is_read_whole: whether somebody went through it, or counted it.
    """

    def __init__(self, rows: dict[Key, Row]) -> None:
        super().__init__(rows)
        self.asked: set[Key] = set()
        self.is_read_whole = False
        self._is_noting = True

    @contextmanager
    def unnoted(self) -> Iterator[None]:
        """What is read during the block is none of the transaction's business: a constraint looks after it."""
        self._is_noting = False
        try:
            yield
        finally:
            self._is_noting = True

    def __getitem__(self, key: Key) -> Row:
        self._note(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._note(key)  # type: ignore[arg-type]
        return super().__contains__(key)

    def get(self, key: Key, default: Any = None) -> Any:
        self._note(key)
        return super().get(key, default)

    def pop(self, key: Key, *default: Any) -> Any:
        self._note(key)
        return super().pop(key, *default)

    def setdefault(self, key: Key, default: Any = None) -> Any:
        self._note(key)
        return super().setdefault(key, default)

    def clear(self) -> None:
        self._note_all()
        super().clear()

    def __iter__(self) -> Iterator[Key]:
        self._note_all()
        return super().__iter__()

    def __len__(self) -> int:
        self._note_all()
        return super().__len__()

    def keys(self) -> Any:
        self._note_all()
        return super().keys()

    def values(self) -> Any:
        self._note_all()
        return super().values()

    def items(self) -> Any:
        self._note_all()
        return super().items()

    def _note(self, key: Key) -> None:
        if self._is_noting:
            self.asked.add(key)

    def _note_all(self) -> None:
        self.is_read_whole = self.is_read_whole or self._is_noting
