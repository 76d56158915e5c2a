"""Understanding what is asked: from anything that can be searched for to vectors, and the picture where it is one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadQuery, BadVectors, LookalikeError
from lookalike.core.vectors import Pixels, Vectors, as_vectors, normalise
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.images.pictures import Picture, pixels_of_picture
from lookalike.parts.parts import Parts
from lookalike.search.query import SourceKind, Term, parse_query
from lookalike.search.query_forms import Queries, as_queries
from lookalike.search.query_vector import Fetch, find_indexed_id, query_vector
from lookalike.search.search import Query
from lookalike.search.standard_input import read_standard_input

if TYPE_CHECKING:
    from lookalike.images.crop import Crop

_HOW_TO_ALLOW = (
    "; if it is in your own network and you trust it, allow it with --allow-private-addresses, "
    "LOOKALIKE_ALLOW_PRIVATE_ADDRESSES=1 or allow_private_addresses=True"
)


class See(Protocol):
    """Decodes a picture; see `Reranker.see`."""

    def __call__(self, picture: Picture, *, crop: Crop | None = None) -> Pixels:
        """The pixels to compare: shape (H, W, 3), uint8 RGB."""
        ...


class Understood(NamedTuple):
    """A query as it is searched for.

    Attributes:
        query: its vectors, and its picture if it is one.
        text: for people.
        pixels: shape (H, W, 3), uint8 RGB: the picture to show beside the answer; None where there is none.
    """

    query: Query
    text: str
    pixels: Pixels | None


class _Seen(NamedTuple):
    """A query that is one picture, decoded but not embedded yet.

    Attributes:
        by_model: as each model sees it, by its name: shape (H, W, 3), uint8 RGB.
        pixels: the picture that is shown, and reranked by: shape (H, W, 3), uint8 RGB.
    """

    by_model: dict[str, Pixels]
    pixels: Pixels
    text: str


def understand(
    asked: Picture, parts: Parts, *, models: Sequence[str], crop: Crop | None, for_reranking: See | None, stored: Fetch
) -> Understood:
    """Compute the vectors of a query.

    Args:
        asked: a picture, an id, a URL, an expression, or a raw vector of the collection's own model.
        parts: the collection.
        models: whose vectors are needed.
        crop: the part of the picture that is meant.
        for_reranking: sees the picture as the reranker compares it, also an indexed one; None for no reranker.
        stored: brings the bytes of an indexed picture by its id.
    Raises:
        BadQuery: when it cannot be understood, or asks for what it does not hold.
        ImageRefused, FetchRefused, BadVectors, NotIndexed: when it cannot be used.
    """
    seen = _see(asked, parts, models, crop=crop, for_reranking=for_reranking, stored=stored)
    return seen if isinstance(seen, Understood) else _embed([seen], parts, models)[0]


def understand_all(
    asked: Queries, parts: Parts, *, models: Sequence[str], crop: Crop | None, for_reranking: See | None, stored: Fetch
) -> list[Understood]:
    """Compute the vectors of queries; all that are pictures are embedded together.

    Args, Raises: as `understand`; what is wrong with one of several says which one it is, counted from 0.
    """
    seen: list[Understood | _Seen] = []
    for n, one in enumerate(asked.each):
        try:
            seen.append(_see(one, parts, models, crop=crop, for_reranking=for_reranking, stored=stored))
        except LookalikeError as error:
            if asked.several:
                error.args = (f"query {n}: {error}",)
            raise
    embedded = iter(_embed([one for one in seen if isinstance(one, _Seen)], parts, models))
    return [one if isinstance(one, Understood) else next(embedded) for one in seen]


def queries_of(asked: object, parts: Parts) -> Queries:
    """One query or several, see `lookalike.search.query_forms`."""
    return as_queries(asked, dimension=parts.catalog.dimension or parts.embedder.card.dimension)


def _see(
    asked: Picture, parts: Parts, models: Sequence[str], *, crop: Crop | None, for_reranking: See | None, stored: Fetch
) -> Understood | _Seen:
    """What a query is, as far as no model has to look at a picture of it."""
    if isinstance(asked, np.ndarray) and asked.ndim == 1:
        return _of_vector(asked, parts, models=models, crop=crop)
    if isinstance(asked, str):
        terms = parse_query(asked)
        if len(terms) > 1 or terms[0].kind is SourceKind.ID or terms[0].weight != 1:
            return _of_terms(asked, terms, parts, models=models, crop=crop, for_reranking=for_reranking, stored=stored)
        picture, text = _one_picture(asked, terms[0], parts)
    else:
        picture, text = asked, os.path.basename(asked) if isinstance(asked, os.PathLike) else "the picture given"
    return _look(picture, parts, models, crop=crop, for_reranking=for_reranking, text=os.fsdecode(text))


def whole_picture(asked: Picture, parts: Parts, *, stored: Fetch) -> Pixels:
    """Every pixel of a query that is one picture.

    Args:
        asked: a picture, an id, or a URL.
        parts: the collection.
        stored: brings the bytes of an indexed picture by its id.
    Returns:
        shape (H, W, 3), uint8 RGB, C-contiguous, upright.
    Raises:
        BadQuery, BadInput: when it is not one picture.
        ImageRefused, FetchRefused, NotIndexed: when it cannot be used.
    """
    if not isinstance(asked, str):
        return pixels_of_picture(asked, min_side=None, limits=parts.limits)
    terms = parse_query(asked)
    if len(terms) > 1 or terms[0].weight < 0:
        raise BadQuery(
            f"expected one picture to compare point by point, got a sum of pictures: {asked[:200]!r}"
            "; search for one of them"
        )
    if terms[0].kind is SourceKind.ID:
        picture: Picture = stored(find_indexed_id(terms[0].text, parts))
    else:
        picture, _ = _one_picture(asked, terms[0], parts)
    return pixels_of_picture(picture, min_side=None, limits=parts.limits)


def _of_vector(vector: NDArray[np.generic], parts: Parts, *, models: Sequence[str], crop: Crop | None) -> Understood:
    if crop is not None:
        raise BadQuery("a crop needs a picture, got a vector; cut the picture first, and embed what is left")
    if list(models) != [MAIN]:
        raise BadQuery(
            "a search by several models needs a picture, got a vector of one model"
            "; search for the picture, or with one model"
        )
    given = as_vectors(vector, dimension=parts.catalog.dimension)
    if not given.any():
        raise BadVectors(
            "expected a vector with a direction, got one of length 0; leave it out, or embed the picture again"
        )
    return Understood(Query({MAIN: normalise(given)}), "a vector", None)


def _of_terms(
    text: str,
    terms: Sequence[Term],
    parts: Parts,
    *,
    models: Sequence[str],
    crop: Crop | None,
    for_reranking: See | None,
    stored: Fetch,
) -> Understood:
    if crop is not None:
        raise BadQuery(
            "a crop needs a query of one picture whose pixels are at hand, got another; give a file, a URL "
            "or standard input, or leave the crop out"
        )
    fetch = cache(lambda source: _fetch(source, parts))
    vectors: dict[str, Vectors] = {name: query_vector(terms, parts, model=name, fetch=fetch) for name in models}
    pixels = None
    if for_reranking is not None and len(terms) == 1 and terms[0].kind is SourceKind.ID:
        pixels = for_reranking(stored(find_indexed_id(terms[0].text, parts)))
    return Understood(Query(vectors, pixels), text, None)


def _one_picture(asked: str, term: Term, parts: Parts) -> tuple[Picture, str]:
    if term.kind is SourceKind.FILE:
        return term.text, os.path.basename(asked)
    return _fetch(term.text, parts), term.text if term.kind is SourceKind.URL else "standard input"


def _look(
    picture: Picture, parts: Parts, models: Sequence[str], *, crop: Crop | None, for_reranking: See | None, text: str
) -> _Seen:
    """Decode for each model by itself, so that its vector is the one that indexing gives the same file."""
    by_side: dict[int, Pixels] = {}
    by_model: dict[str, Pixels] = {}
    for name in models:
        embedder = parts.models.embedder(name)
        side = 0 if crop is not None else embedder.card.input_side  # a part is cut from every pixel, for any model
        if side not in by_side:
            by_side[side] = PictureEmbedder(embedder, limits=parts.limits).pixels(picture, crop=crop)
        by_model[name] = by_side[side]
    largest = by_side[max(by_side)]
    shown = largest if for_reranking is None else for_reranking(picture, crop=crop)
    return _Seen(by_model, shown, text)


def _embed(seen: Sequence[_Seen], parts: Parts, models: Sequence[str]) -> list[Understood]:
    if not seen:
        return []
    vectors = {}
    for name in models:
        seeing = PictureEmbedder(parts.models.embedder(name), limits=parts.limits)
        vectors[name] = seeing.embed([one.by_model[name] for one in seen])
    return [
        Understood(Query({name: rows[n : n + 1] for name, rows in vectors.items()}, one.pixels), one.text, one.pixels)
        for n, one in enumerate(seen)
    ]


def _fetch(source: str, parts: Parts) -> bytes:
    if source == "-":
        return read_standard_input(max_bytes=parts.limits.max_bytes)
    from lookalike.storage.fetch import fetch  # brings in http and ssl, which are slow to import

    return fetch(
        source,
        max_bytes=parts.limits.max_bytes,
        allow_private=parts.allow_private_addresses,
        private_advice=_HOW_TO_ALLOW,
    )
