"""What the service, the worker and the command line do with a collection, and its users do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookalike.collection.open_parts import OpenParts
from lookalike.collection.searches import Searches
from lookalike.core.errors import BadQuery
from lookalike.core.records import Metadata
from lookalike.core.vectors import Vectors
from lookalike.embedding.files import EmbedBytes, embed_bytes
from lookalike.images.pictures import Picture
from lookalike.results import SearchResult
from lookalike.search.precious import precious_files
from lookalike.search.query import SourceKind, Term
from lookalike.search.query_vector import mix_vector
from lookalike.search.where import Where
from lookalike.view.keeper import SavingTrouble

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lookalike.collection.collection import Collection
    from lookalike.objects.base import Leftover
    from lookalike.objects.uploads import ProvenBytes
    from lookalike.storage.output_file import Precious
    from lookalike.uploads.direct_upload import CheckedUpload
    from lookalike.uploads.verify_upload import Tolerance, UploadedPicture, Verification


def hosting(collection: Collection) -> Hosting:
    """Of one collection always an equal one. Costs nothing."""
    return Hosting(collection._open, collection._searches)


@dataclass(frozen=True, slots=True)
class Hosting:
    """What those need that host collections for others. Safe to use from many threads."""

    _open: OpenParts
    _searches: Searches

    @property
    def identity(self) -> str:
        """A random word that no other collection has, whatever its name; '' until something is written."""
        return self._open.parts.catalog.identity()

    @property
    def is_unchanged(self) -> bool:
        """Whether it is still the collection that was opened, as far as its file's size and time tell. At once."""
        return self._open.parts.catalog.is_unchanged

    def is_current(self) -> bool:
        """Whether it is still the collection that was opened.

        Another process may have removed it, and made another in its place, or put an older copy there. Then everything
        raises `CollectionReplaced`, or `NoCollection` where there is none: open it again.
        """
        return self._open.parts.catalog.is_current()

    def let_go(self) -> None:
        """Save the index, and let go of what nobody uses at the moment.

        Unlike after `close`, what is under way goes on; when that has ended, nothing is left open.
        """
        parts = self._open.parts
        self._open.save_what_is_new()
        self._open.rerankers.forget()
        parts.view.close()
        parts.catalog.let_go()

    def feed(self) -> bool:
        """Bring an index that lives elsewhere up to date; see `View.feed`."""
        return self._open.parts.view.feed()

    @property
    def not_saved(self) -> SavingTrouble | None:
        """Why the index cannot be saved, and since when; None while it can. Costs nothing."""
        return self._open.keeper.trouble

    def precious(self, query: Picture | None) -> Precious:
        """What no output of ours may take the place of: the files of a query, and every picture of the collection.

        Args:
            query: as in `Collection.search`; None where there is none.
        """
        return precious_files(self._open.parts.catalog, query)

    @property
    def compares_all(self) -> bool:
        """Whether a search compares all pictures, so that several together take little longer than one.

        False, too, before the first search. Costs nothing.
        """
        view = self._open.parts.view
        return view.loaded and view.facts().recall == 1

    def search_vectors(
        self,
        vectors: Vectors,
        *,
        k: int = 10,
        where: Where = None,
        recall: float | None = None,
        min_confidence: float | None = None,
    ) -> list[SearchResult]:
        """Find the k pictures nearest to each of several vectors. See `lookalike.search.search_many`.

        Args:
            vectors: shape (N, D), any real dtype, raw, of the collection's model.
            k: at least 1.
            where: a filter.
            recall: as in `search`.
            min_confidence: as in `search`.
        Returns:
            for each vector what `search` gives for it alone, mostly much sooner than one by one.
        Raises:
            BadVectors: when one of them is not finite, or of length 0.
            DimensionMismatch: when they have another width.
            BadQuery: when the filter cannot be understood, or a share is none.
        """
        return self._searches.vectors(vectors, k=k, where=where, recall=recall, min_confidence=min_confidence)

    def mix(self, vector: Vectors | None, *, more: Sequence[str] = (), less: Sequence[str] = ()) -> NDArray[np.float32]:
        """A vector that is moved towards some of the collection's pictures and away from others.

        Args:
            vector: to begin with, shape (D,), float32, of length 1; None to begin with nothing.
            more: ids of those.
            less: ids of the others.
        Returns:
            shape (D,), float32, of length 1.
        Raises:
            NotIndexed: when one of them is not in the collection.
            BadQuery: when nothing is left, or nothing was given.
        """
        terms = [Term(SourceKind.ID, one) for one in more] + [Term(SourceKind.ID, one, -1.0) for one in less]
        if not terms and vector is None:
            raise BadQuery(
                "expected a vector or ids of pictures to be mixed, got neither"
                "; give the vector of one, or ids in `more`"
            )
        if not terms:
            return np.asarray(vector, np.float32)
        return mix_vector(vector, terms, self._open.parts)

    def check_upload(
        self, data: bytes | ProvenBytes, *, size_bytes: int, sha256: str, vector: ArrayLike | None, model: str | None
    ) -> CheckedUpload:
        """Look at bytes that a client uploaded, undecoded. See `lookalike.uploads.direct_upload.check_upload`."""
        from lookalike.uploads.direct_upload import check_upload

        return check_upload(data, self._open.parts, size_bytes=size_bytes, sha256=sha256, vector=vector, model=model)

    def add_provisional(
        self, upload: CheckedUpload, *, metadata: Metadata, claim: str, if_still: Callable[[], bool]
    ) -> bool:
        """Take a picture in by its client's vector. See `lookalike.uploads.direct_upload.add_provisional`."""
        from lookalike.uploads.direct_upload import add_provisional

        self._open.begin_writing()
        return add_provisional(upload, self._open.parts, metadata=metadata, claim=claim, if_still=if_still)

    def verify(
        self, picture: UploadedPicture, *, tolerance: Tolerance, embed: EmbedBytes = embed_bytes
    ) -> Verification:
        """Embed an uploaded picture and compare. See `lookalike.uploads.verify_upload.verify_upload`."""
        from lookalike.uploads.verify_upload import verify_upload

        self._open.begin_writing()
        return verify_upload(picture, self._open.parts, tolerance=tolerance, embed=embed)

    def sweep_orphans(self, *, before: float) -> Iterator[list[Leftover]]:
        """Delete kept bytes that nothing refers to, bit by bit. See `lookalike.doctor.orphans.sweep_in_pieces`."""
        from lookalike.doctor.orphans import sweep_in_pieces

        return sweep_in_pieces(self._open.parts.catalog, self._open.parts.objects, before=before)
