"""Answers that were given before: bounded in bytes, and never older than the index."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Generic, TypeVar

import numpy as np

Answer = TypeVar("Answer")

_ENTRY_BYTES = 400  # a question without its vector and texts, its place in the dictionary, a cached hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that an answer depends on. Two are the same only where every byte is: nothing hangs on a hash.

    Attributes:
        version: of what is searched: numbers that grow with every change, the most weighty first, such as a count of
            rebuilds and the catalog's sequence number.
        vector: the bytes of the raw query vector, as `ndarray.tobytes` gives them.
        model: the model, or the mixture of models.
        where: the filter in its own text; empty for none.
        k: how many hits.
        recall: the wanted recall; None for what the index was made for.
        collapse: `none` or `group`.
        others: what else changes an answer, such as a second opinion or a least confidence.
    """

    version: tuple[int, ...]
    vector: bytes
    model: str
    where: str = ""
    k: int = 10
    recall: float | None = None
    collapse: str = "none"
    others: tuple[Hashable, ...] = ()

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory; the texts are counted as though nobody else held them."""
        return _ENTRY_BYTES + len(self.vector) + len(self.model) + len(self.where) + held_bytes(self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFacts:
    """What a cache holds and how it has done.

    Attributes:
        entries: answers held.
        size_bytes: about what they and their questions take in memory.
        max_bytes: the most that they may take.
        hits, misses: questions that were answered from it, and that were not.
        evicted: answers that had to go for want of room.
        outdated: answers that had to go because of a change.
    """

    entries: int
    size_bytes: int
    max_bytes: int
    hits: int
    misses: int
    evicted: int
    outdated: int


class AnswerCache(Generic[Answer]):
    """Keeps the answers that were used last. Safe to use from many threads; a hit takes a few microseconds.

    It holds answers of one version only. The first question of a newer one empties it, so that a change costs nothing
    until somebody searches, and an answer of an older one, from a search that took long, is not taken in.

    Args:
        max_bytes: how much answers and questions may take in memory together; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Question, tuple[Answer, int]] = OrderedDict()  # least recently used first
        self._version: tuple[int, ...] = ()
        self._size_bytes = 0
        self._hits = self._misses = self._evicted = self._outdated = 0

    def get(self, question: Question) -> Answer | None:
        """The answer that was put for exactly this question; None where there is none.

        It is the object itself, which nobody may change.
        """
        with self._lock:
            if question.version > self._version:
                self._move_on(question.version)
            held = self._held.get(question)
            if held is None:
                self._misses += 1
                return None
            self._hits += 1
            self._held.move_to_end(question)
            return held[0]

    def put(self, question: Question, answer: Answer, size_bytes: int) -> None:
        """Keep an answer, unless it is of an older version or larger than the cache.

        Args:
            question: as it was asked of `get`, with the version that was really searched.
            answer: nobody may change it from now on.
            size_bytes: what it takes in memory; `held_bytes` tells.
        """
        size_bytes += question.size_bytes
        with self._lock:
            if question.version > self._version:
                self._move_on(question.version)
            if question.version < self._version or size_bytes > self._max_bytes:
                return
            _, before = self._held.pop(question, (None, 0))
            self._held[question] = answer, size_bytes
            self._size_bytes += size_bytes - before
            while self._size_bytes > self._max_bytes:
                _, (_, freed) = self._held.popitem(last=False)
                self._size_bytes -= freed
                self._evicted += 1

    def clear(self) -> None:
        """Forget all answers, also which version was the newest: for a catalog that was put back in time."""
        with self._lock:
            self._move_on(())

    def facts(self) -> CacheFacts:
        """What it holds at this moment, and how it has done so far."""
        with self._lock:
            return CacheFacts(
                entries=len(self._held),
                size_bytes=self._size_bytes,
                max_bytes=self._max_bytes,
                hits=self._hits,
                misses=self._misses,
                evicted=self._evicted,
                outdated=self._outdated,
            )

    def _move_on(self, version: tuple[int, ...]) -> None:
        self._outdated += len(self._held)
        self._held = OrderedDict()
        self._size_bytes = 0
        self._version = version


def held_bytes(value: object) -> int:
    """About what a value takes in memory with all that it holds, each object counted once.

    Looks into dataclasses, arrays, mappings, tuples, lists and sets. Takes about a microsecond an object.
    """
    seen: set[int] = set()
    waiting, total = [value], 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or one is None or isinstance(one, bool | type):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if isinstance(one, np.ndarray):
            total += one.nbytes if one.base is not None else 0  # of a view, what it keeps alive at the least
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif is_dataclass(one):
            waiting += [getattr(one, field.name) for field in fields(one)]
        elif isinstance(one, tuple | list | set | frozenset):
            waiting += list(one)
    return total
