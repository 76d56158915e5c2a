"""An index that counts what is done to it, and the engines that make such ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from lookalike.assembly.index_engines import LocalEngines
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import LocalIndex, SaveTo


class CountingIndex:
    """Another index, and how often its vectors were changed; the rest goes straight to the other."""

    def __init__(self, index: LocalIndex, calls: Counter[str]) -> None:
        self._index = index
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def __len__(self) -> int:
        return len(self._index)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        self._calls["upsert"] += 1
        self._index.upsert(keys, vectors)

    def remove(self, keys: Keys) -> None:
        self._calls["remove"] += 1
        self._index.remove(keys)

    def save(self, folder: Path) -> list[str]:
        self._calls["save"] += 1
        return self._index.save(folder)

    def freeze(self) -> SaveTo:
        self._calls["save"] += 1
        return self._index.freeze()


class CountingEngines(LocalEngines):
    """Makes indexes that count: how many were made and read, and what was done to all of them together."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def empty(self, *given: Any, **named: Any) -> LocalIndex:
        return self._counting("empty", super().empty(*given, **named))

    def build(self, *given: Any, **named: Any) -> LocalIndex:
        return self._counting("build", super().build(*given, **named))

    def load(self, engine: str, folder: Path) -> LocalIndex:
        return self._counting("load", super().load(engine, folder))

    def _counting(self, call: str, index: LocalIndex) -> LocalIndex:
        self.calls[call] += 1
        return CountingIndex(index, self.calls)  # type: ignore[return-value]  # the rest is passed on
