"""What every engine under test does, ours and the peers alike, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.harness import CannotRun

Ids = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Engine(Protocol):
    """An index of vectors of length 1, whose ids are their places.

    Attributes:
        settings: how it is built, told in a few words.
        knob: what one turns to search more thoroughly; its lowest and its highest sensible value are `range`.
    """

    settings: str
    knob: str
    range: tuple[int, int]

    def build(self, base: Floats, *, threads: int) -> None:
        """Take all vectors in, until they can be searched.

        Args:
            base: shape (N, D), float32, of length 1; may be a memory map.
            threads: how many to use; the process has as many processors.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write what was built into a folder that is there and empty."""
        ...

    def load(self, folder: Path, base: Path) -> None:
        """Make ready what was saved.

        Args:
            folder: where it was saved.
            base: the file of the vectors, for engines that rescore or want to know the width.
        """
        ...

    def search(self, queries: Floats, k: int, effort: float) -> Ids:
        """Ids of the k nearest: shape (Q, k), on one thread, padded with -1.

        Args:
            queries: shape (Q, D), float32, of length 1.
            k: how many.
            effort: the value of the knob; for ours, the recall that is wanted.
        """
        ...


def needed(module: str) -> Any:
    """A library that is under test.

    Raises:
        CannotRun: when it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise CannotRun(f"needs {module}: pip install 'lookalike[bench]'") from error


def in_blocks(base: Floats, *, rows: int = 50_000) -> Iterator[tuple[Ids, Floats]]:
    """Pairs of ids and vectors, so that a memory map is never copied whole."""
    for start in range(0, len(base), rows):
        block = np.array(base[start : start + rows])
        yield np.arange(start, start + len(block), dtype=np.int64), block
