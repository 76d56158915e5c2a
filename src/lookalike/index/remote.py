"""The promise of an index that lives elsewhere: searched by many processes, fed by one, swapped by version.

It holds versions beside one another. A version is of one projection and has applied the catalog's change feed up to a
cursor, which it keeps itself. Who searches names a version, so that a query that was projected in one way never meets
vectors that were projected in another. Who writes has a lease of the catalog and brings its fence: a number that grows
with each holder. Every call that writes is idempotent; one that gets no answer may have been done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lookalike.core.records import Cursor, ImageRecord
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteVersion:
    """What an index says of one of its versions.

    Attributes:
        name: a word that no other version of the index has had.
        projection_version: of the catalog's projection that its vectors have passed; 0 for raw ones.
        dimension: of its vectors.
        count: how many it holds.
        applied: the place in the catalog's change feed up to which it has taken in everything.
    """

    name: str
    projection_version: int
    dimension: int
    count: int
    applied: Cursor


class Batch(NamedTuple):
    """Changes that a version takes in together. No key is put and removed at once.

    Attributes:
        keys: shape (N,), int64, each once.
        vectors: shape (N, d), float32, of length 1 or 0; row n belongs to `keys[n]`.
        removed: shape (M,), int64, of which some may be unknown.
        pictures: for an engine that takes filters, what filters ask of pictures, by key: of all that are put, and of
            those of which only that has changed. Where such a key is unknown it is passed over.
    """

    keys: Keys
    vectors: Vectors
    removed: Keys
    pictures: Mapping[int, ImageRecord] = MappingProxyType({})


class RemoteIndex(Protocol):
    """All calls: safe to use from many threads and processes.

    All raise `ServiceDown` where no answer comes: what was asked may have been done, or not, or later. All that write
    raise `LeaseLost` where the fence is smaller than one that was brought before, and have changed nothing then.
    """

    @property
    def engine(self) -> str:
        """Its name."""
        ...

    @property
    def takes_filters(self) -> bool:
        """As `Index.takes_filters` of its versions.

        Batches tell such an index what filters ask of pictures. In which files they lie they do not tell, for the
        catalog's feed does not: a filter that is about files (`Filter.is_about_files`) comes as the keys that pass.
        """
        ...

    def versions(self) -> Mapping[str, RemoteVersion]:
        """The versions that there are, by name."""
        ...

    def serving(self) -> RemoteVersion | None:
        """The version that searches are to ask; None where there is none yet."""
        ...

    def at(self, name: str) -> Index:
        """A version to search; asks nothing yet. A search raises `NotFound` where there is no such version any more."""
        ...

    def claim(self, fence: int) -> None:
        """From now on refuse every smaller fence: what an earlier holder has on its way comes to nothing."""
        ...

    def create(self, name: str, *, projection_version: int, dimension: int, fence: int) -> None:
        """Make an empty version, whose cursor is START. One that is there already stays as it is."""
        ...

    def apply(self, name: str, batch: Batch, *, cursor: Cursor, fence: int) -> None:
        """Take changes into a version, then note the cursor: never the cursor without the changes.

        Raises:
            NotFound: when there is no such version.
            DimensionMismatch, BadVectors: when the vectors are of another width, or not finite.
        """
        ...

    def tune(self, name: str, *, recall: float, fence: int) -> None:
        """Have a version that was filled, or has grown, find that share of the true nearest, and quickly.

        An engine that builds something over its vectors builds it here, and measures what it finds. Searches go on
        meanwhile. Cheap where nothing is to be done.

        Args:
            name: of the version.
            recall: that is wanted of searches that ask for none, above 0 and at most 1.
            fence: as always.
        Raises:
            NotFound: when there is no such version.
        """
        ...

    def swap(self, name: str, *, fence: int) -> None:
        """Have searches ask this version from now on. The one before stays until it is dropped.

        Raises:
            NotFound: when there is no such version.
        """
        ...

    def drop(self, name: str, *, fence: int) -> None:
        """Forget a version. One that is not there is passed over.

        Raises:
            Conflict: when searches are to ask this one.
        """
        ...

    def forget(self) -> None:
        """Forget all versions, whoever feeds them, for the collection is gone. Idempotent."""
        ...

    def let_go(self) -> None:
        """Keep no connection open that nobody uses at the moment. It goes on working, only slower."""
        ...
