"""Answers that were given before: bounded in bytes, and never older than the index."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Generic, TypeVar

import numpy as np

from lookalike.storage.cache import BoundedCache, CacheFacts

Answer = TypeVar("Answer")

_ENTRY_BYTES = 400  # a question without its vector and texts, its place in the dictionary, a cached hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """All that an answer depends on. Two are the same only where every byte is: nothing hangs on a hash.

    Attributes:
        version: of what is searched: another one after every change, such as the catalog's and a count of rebuilds.
        vector: the bytes of the raw query vector, as `ndarray.tobytes` gives them.
        model: the model, or the mixture of models.
        where: the filter in its own text; empty for none.
        k: how many hits.
        recall: the wanted recall; None for what the index was made for.
        collapse: `none` or `group`.
        others: what else changes an answer, such as reranking or a least confidence.
    """

    version: tuple[Hashable, ...]
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
        return _ENTRY_BYTES + len(self.vector) + len(self.model) + len(self.where) + bytes_in_memory(self.others)


class AnswerCache(Generic[Answer]):
    """Keeps the answers that were used last; see `BoundedCache`. A hit takes a few microseconds.

    Args:
        max_bytes: how much answers and questions may take in memory together; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._answers: BoundedCache[Question, Answer] = BoundedCache(most_bytes=max_bytes)

    def get(self, question: Question) -> Answer | None:
        """The answer that was put for exactly this question; None where there is none.

        It is the object itself, which nobody may change.
        """
        return self._answers.get(question, version=question.version)

    def put(self, question: Question, answer: Answer, size_bytes: int) -> None:
        """Keep an answer, unless it is of an older version or larger than the cache.

        Args:
            question: as it was asked of `get`, with the version that was really searched.
            answer: nobody may change it from now on.
            size_bytes: what it takes in memory; `held_bytes` tells.
        """
        size_bytes += question.size_bytes
        self._answers.put(question, answer, size_bytes=size_bytes, version=question.version)

    def clear(self) -> None:
        """Forget all answers, also which version was the newest: for a catalog that was put back in time."""
        self._answers.clear()

    def facts(self) -> CacheFacts:
        """What it holds at this moment, questions included, and how it has done so far."""
        return self._answers.facts()


def bytes_in_memory(value: object) -> int:
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
