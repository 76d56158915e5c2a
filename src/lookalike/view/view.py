"""The promise of a view: an index of the catalog, kept in step with it, and what is made of its vectors.

`LocalView` has its index in this process and follows the catalog itself; `RemoteView` searches one that is elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lookalike.core.records import Cursor, Neighbours
from lookalike.core.vectors import Keys, Vectors
from lookalike.index.base import Selection
from lookalike.index.manifest import Manifest
from lookalike.index.projection import Projection
from lookalike.view.facts import IndexFacts
from lookalike.view.nearness import Nearness
from lookalike.view.rescore import Stored
from lookalike.view.waiting import Waiting

if TYPE_CHECKING:
    from lookalike.index.groups import Groups


class View(Protocol):
    """Searches a collection by vector. Safe to use from many threads.

    Nothing that the catalog holds depends on it.

    Attributes:
        waiting: told what callers wait for; not what is done in the background.
        has_keeper: whether somebody renews beside searches what belongs to an earlier index; else searches do.
    """

    waiting: Waiting
    has_keeper: bool

    @property
    def generation(self) -> int:
        """Another number after each change of what similarities mean, or of which index answers."""
        ...

    @property
    def rebuilt_because(self) -> str | None:
        """Why the index had to be made anew at opening; None where it had not."""
        ...

    @property
    def cursor(self) -> Cursor:
        """Answers know all changes of the catalog up to this place in its feed."""
        ...

    @property
    def projection(self) -> Projection | None:
        """The projection in use."""
        ...

    @property
    def projects(self) -> bool:
        """Whether a projection is wanted at all."""
        ...

    @property
    def takes_filters(self) -> bool:
        """Whether its index takes a filter itself, so that nobody need ask the catalog which pictures pass."""
        ...

    @property
    def loaded(self) -> bool:
        """Whether there is an index to search; before the first `refresh` there is none."""
        ...

    def facts(self) -> IndexFacts:
        """What the index is at this moment."""
        ...

    def refresh(self, *, within_s: float | None = None) -> bool:
        """Have answers know what is in the catalog now.

        Args:
            within_s: where there is an index, how long to wait at most for others who do the same, in seconds; None to
                wait until it is done.
        Returns:
            whether it is so; else the newest pictures can be missing in answers.
        """
        ...

    def check_wish(self) -> None:
        """Before much is written: refuse an index that nothing of it could come to have.

        Raises:
            BadInput: when the factory string is none.
            MissingExtra: when the engine is an extra that is not installed.
        """
        ...

    def settle(self) -> None:
        """After much was written: bring the index up to date and, where it is time, make it anew, however long."""
        ...

    def rebuild(self, *, why: str = "", learn_anew: bool = False) -> None:
        """Make the index anew from the catalog; searches go on meanwhile.

        Args:
            why: in words, for who waits.
            learn_anew: learn the projection anew, too, which changes similarities a little. Without, that is done only
                when it is due, and the new index answers as the old one.
        """
        ...

    def search(self, vectors: Vectors, k: int, *, among: Selection = None, recall: float | None = None) -> Neighbours:
        """Find neighbours of raw vectors.

        Args:
            vectors: shape (N, D), float32, of the catalog's model, not necessarily unit length.
            k: at least 1.
            among: only these may be answered: keys, shape (A,), int64, or what passes a filter; None for all.
            recall: as for `Index.search`; None for what the owner of the collection wants.
        Returns:
            as `Index.search` gives them; similarities are cosines after the projection, if there is one. Of one query
            they are computed from the catalog's own vectors.
        Raises:
            DimensionMismatch, BadVectors, BadQuery: as `Index.search`.
            ServiceDown: when an index elsewhere does not answer.
        """
        ...

    def vectors_searched(self) -> Stored:
        """What is compared, of all that the catalog holds now.

        Returns:
            keys, shape (N,), int64, ascending; and vectors, shape (N, d), float32, of length 1 or 0.
        """
        ...

    def stored(self, keys: Keys) -> Stored:
        """The vectors of keys as they are searched, of length 1 or 0; those that are gone are left out.

        Args:
            keys: shape (N,), int64, in any order.
        """
        ...

    def groups(self) -> Groups:
        """Near-identical pictures, in step with the index; the first call looks through all vectors."""
        ...

    def nearness(self) -> Nearness | None:
        """How near the collection's pictures are to their nearest; measured where that is not known yet."""
        ...

    @property
    def worth_saving(self) -> bool:
        """Whether the next opening would take noticeably longer without a new snapshot."""
        ...

    def save(self) -> Manifest | None:
        """Write a snapshot if anything has changed since the last one.

        Returns:
            what was written; None where there is nothing to write.
        Raises:
            StorageFailed: when the disk is full or fails; the last snapshot stays.
        """
        ...

    @property
    def is_behind(self) -> bool:
        """Whether there is something for `renew` to do. Costs little."""
        ...

    def renew(self) -> None:
        """Take in what searches have left, and make anew what belongs to an earlier index; no search waits for it."""
        ...

    def feed(self) -> bool:
        """Bring an index that lives elsewhere up to date, where this process may: the housework of a service.

        Returns:
            whether something was done.
        Raises:
            ServiceDown, Busy, Locked: when it could not be done now.
        """
        ...

    def tend(self) -> None:
        """Begin in the background what the index needs beside searches, where it is time for that."""
        ...

    def close(self) -> None:
        """End its threads. What is under way in the background comes to nothing. Idempotent."""
        ...
