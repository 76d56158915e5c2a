"""Searches of a collection, from what was asked to the results that users are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lookalike.catalog.base import MAIN
from lookalike.collection.open_parts import OpenParts
from lookalike.collection.pictures import Pictures
from lookalike.core.counts import as_count
from lookalike.core.errors import BadQuery
from lookalike.core.vectors import Vectors, as_vectors
from lookalike.images.pictures import Picture
from lookalike.parts.reply import Reply
from lookalike.results import SearchResult
from lookalike.search.precious import precious_files
from lookalike.search.search import Wanted
from lookalike.search.search_options import Collapse
from lookalike.search.understand import Understood, understand
from lookalike.search.where import Where

if TYPE_CHECKING:
    from lookalike.search.fusion import Weight


class Searches:
    """What is asked for, and what is given back. Safe to use from many threads."""

    def __init__(self, opened: OpenParts, pictures: Pictures) -> None:
        self._open = opened
        self._pictures = pictures

    def read_wanted(
        self,
        k: int,
        where: Where,
        recall: float | None,
        collapse: Collapse = "none",
        mixture: str | None = None,
        rerank: str | None = None,
        min_confidence: float | None = None,
        without: str | None = None,
    ) -> Wanted:
        """Read what is asked for; the arguments are those of `Collection.search`."""
        if collapse not in ("none", "group"):
            raise BadQuery(f"expected 'none' or 'group' to collapse, got {collapse!r}; leave it out for 'none'")
        parts = self._open.parts
        return Wanted(
            k=as_count(k, name="k"),
            where=self._open.filter(where),
            recall=recall,
            grouped=collapse == "group",
            mixture=self._mixture(mixture),
            rerank=self._open.rerankers.get(rerank, parts) if rerank is not None else None,
            min_confidence=min_confidence,
            without=parts.catalog.keys([without]).get(without) if without is not None else None,
        )

    def vectors(
        self, vectors: Vectors, *, k: int, where: Where, recall: float | None, min_confidence: float | None
    ) -> list[SearchResult]:
        """Search for each of several vectors; see `Hosting.search_vectors`.

        Args:
            vectors: shape (N, D), any real dtype.
            k: as of a search, for each.
            where: likewise.
            recall: likewise.
            min_confidence: likewise.
        """
        parts = self._open.parts
        given = list(as_vectors(vectors, dimension=parts.catalog.dimension))
        understood = [
            understand(one, parts, models=[MAIN], crop=None, for_reranking=None, stored=self._open.bytes_of)
            for one in given
        ]
        return self.together(given, understood, self.read_wanted(k, where, recall, min_confidence=min_confidence))

    def together(
        self,
        asked: Sequence[Picture],
        understood: Sequence[Understood],
        wanted: Wanted,
        *,
        before_ms: dict[str, float] | None = None,
    ) -> list[SearchResult]:
        """Search for several queries at once."""
        from lookalike.search.search_many import search_many

        replies = search_many([one.query for one in understood], self._open.parts, wanted, before_ms=before_ms)
        return self.results(asked, understood, replies)

    def results(
        self, asked: Sequence[Picture], understood: Sequence[Understood], replies: Sequence[Reply]
    ) -> list[SearchResult]:
        """Replies as users are given them; then the index is looked after."""
        if not all(reply.cached for reply in replies):
            self._open.keeper.look_after()
        return [
            SearchResult(
                reply,
                query=one.text,
                query_pixels=one.pixels,
                load_pixels=self._pictures.thumbnail,
                precious=precious_files(self._open.parts.catalog, query),
            )
            for query, one, reply in zip(asked, understood, replies, strict=True)
        ]

    def _mixture(self, text: str | None) -> tuple[Weight, ...]:
        if text is None:
            return ()
        from lookalike.search.fusion import parse_mixture

        mixture = parse_mixture(text, [model.name for model in self._open.parts.catalog.further_models()])
        return () if [one.name for one in mixture] == [MAIN] else mixture
