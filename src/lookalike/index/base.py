"""The promise of an index: keys of the nearest vectors, and whether any nearer can have been missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from lookalike.core.errors import BadInput, BadQuery
from lookalike.core.filters import Filter
from lookalike.core.records import Json, Neighbours
from lookalike.core.vectors import Keys, Vectors

Batches: TypeAlias = Callable[[], Iterator[tuple[Keys, Vectors]]]
"""Gives all vectors from the beginning in batches, the same each time: keys, shape (B,), int64, ascending, and rows,
shape (B, D), float32, of length 1 or 0."""


SaveTo: TypeAlias = Callable[[Path], list[str]]
"""Writes an index into files of a folder that is there and empty, and gives their names; who calls makes them durable.
"""

Selection: TypeAlias = Keys | Filter | None
"""What may be answered: keys, shape (A,), int64; pictures that pass a filter; or None for all."""


class Index(Protocol):
    """What every index does: nearest neighbours by cosine. Searches may run from many threads, also in a change."""

    @property
    def engine(self) -> str:
        """Its name: `exact`, `faiss`, `gpu`."""
        ...

    @property
    def takes_filters(self) -> bool:
        """Whether `search` takes a filter itself, as an engine does that knows the pictures' metadata.

        Others are given the keys that pass.
        """
        ...

    @property
    def recall(self) -> float:
        """The recall@10 that was measured for a search that asks for none; 1.0 of an exact index."""
        ...

    @property
    def parameters(self) -> dict[str, Json]:
        """How it was made, for people and manifests; empty where there is nothing to say."""
        ...

    @property
    def dimension(self) -> int:
        """D of the vectors."""
        ...

    def __len__(self) -> int:
        """How many vectors there are."""
        ...

    def search(self, queries: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find the k nearest of each query.

        Args:
            queries: shape (N, D), float32, not necessarily unit length.
            k: at least 1; may be larger than the index.
            among: only these may be answered: keys, shape (A,), int64, of which some may be unknown or occur twice; or,
                where `takes_filters`, a filter; None allows all.
            recall: the share of the true k nearest that is wanted, above 0, at most 1; 1 asks for an exact answer, and
                None for what the index was made for. An exact index is always exact.
        Returns:
            best first; ties go to the smaller key, and equal vectors tie; padded as `Neighbours` says: always k answers
            where k are eligible. A vector's similarity to itself is 1.
        Raises:
            DimensionMismatch: when the width is another.
            BadVectors: when a value is not finite.
            BadQuery: when k is less than 1, or `recall` is no share.
            BadInput: when it is a filter, and filters are not taken.
        """
        ...


class LocalIndex(Index, Protocol):
    """An index in this process, changed by whoever follows the catalog, and saved to a folder.

    How changes wear it down, what it keeps of removed vectors and whether equal vectors are one node are its affairs.
    """

    @property
    def worn(self) -> str:
        """Why it should be made anew, in words, because changes have worn it down; empty while it is good."""
        ...

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors, or replace those of known keys. Idempotent.

        Args:
            keys: shape (N,), int64, not negative; where one occurs twice the last counts.
            vectors: shape (N, D), float32, not necessarily unit length. A zero vector has similarity 0 to everything.
        Raises:
            DimensionMismatch: when the width is another, or there are not N vectors.
            BadVectors: when a value is not finite.
            BadInput: when the keys are not whole numbers from 0 on. Nothing is changed then.
        """
        ...

    def remove(self, keys: Keys) -> None:
        """Remove vectors; unknown keys are passed over. Idempotent.

        Args:
            keys: shape (M,), int64, in any order.
        Raises:
            BadInput: when the keys are not whole numbers.
        """
        ...

    def save(self, folder: Path) -> list[str]:
        """Write the index into files of a folder that is there and empty; who calls makes them durable.

        Returns:
            the names of the files written.
        """
        ...

    def freeze(self) -> SaveTo:
        """The index as it is at this moment, to be saved while it goes on changing.

        For a short while others wait that change the index; who searches waits for nothing. What a compressed structure
        has grown by since it was read is copied in memory until it is saved.

        Returns:
            what writes it, once, as `save` does.
        """
        ...


@runtime_checkable
class HoldsVectors(Protocol):
    """A local index that holds every vector as it was given, but for its length."""

    def stored_vectors(self) -> tuple[Keys, Vectors]:
        """Keys, shape (N,), int64, in no order, and rows, shape (N, D), float32, of length 1 or 0; for reading."""
        ...


class Engines(Protocol):
    """Makes local indexes, and reads them again; handed to a view, which knows no engine by itself."""

    def empty(self, dimension: int, *, engine: str) -> LocalIndex:
        """An index without vectors, for those that are compared one by one.

        Args:
            dimension: D of the vectors.
            engine: one of `choice.ONE_BY_ONE`.
        Raises:
            MissingExtra: when the engine is an extra that is not installed.
        """
        ...

    def check(self, factory: str, *, dimensions: Iterable[int]) -> None:
        """Refuse what `build` could never make.

        Args:
            factory: as for `build`.
            dimensions: that the vectors may come to have.
        Raises:
            BadInput: when it can be made of vectors of none of them.
        """
        ...

    def build(
        self,
        batches: Batches,
        *,
        dimension: int,
        factory: str | None,
        recall: float,
        memory_bytes: int | None,
        workplace: Path,
        subject: str,
    ) -> LocalIndex:
        """An index of many vectors, in which equal ones are one.

        Args:
            batches: called as often as the vectors are gone through.
            dimension: D.
            factory: how it is to be made, in the engine's words; None to choose.
            recall: the share of the true nearest that it is to find, above 0 and at most 1.
            memory_bytes: that making it may take; None for what is convenient.
            workplace: folder in which what is done is kept, so that a killed build goes on.
            subject: names the vectors: a killed build goes on only with the same ones.
        Raises:
            BadInput: when it cannot be made so, or the memory budget is too small.
            StorageFailed: when the disk is full or fails.
        """
        ...

    def load(self, engine: str, folder: Path) -> LocalIndex:
        """Read the files that `LocalIndex.save` wrote, which were hashed before.

        Args:
            engine: as `Index.engine` said.
            folder: in which they lie.
        Raises:
            SnapshotDamaged: when the engine is unknown, or the files are not what it writes.
            OSError, ValueError, EOFError: when one cannot be read.
        """
        ...


def check_wanted(k: int, recall: float | None) -> None:
    """Refuse what no index can answer.

    Raises:
        BadQuery: when k is less than 1, or `recall` is neither None nor above 0 and at most 1.
    """
    if k < 1:
        raise BadQuery(f"expected k of at least 1, got {k}; leave it out for the usual 10")
    if recall is not None and not 0 < recall <= 1:
        raise BadQuery(f"expected a recall above 0 and at most 1, got {recall}; take 1 for an exact search")


def keys_among(among: Selection) -> Keys | None:
    """The keys of a selection, for an engine that takes no filter.

    Args:
        among: keys, shape (A,), int64, a filter, or None.
    Returns:
        shape (A,), int64, the same array; None where all may be answered.
    Raises:
        BadInput: when it is a filter.
    """
    if isinstance(among, Filter):
        raise BadInput(f"expected the keys that may be answered, got the filter {among}: ask `Catalog.select` for them")
    return among
