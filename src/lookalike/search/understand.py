"""Understanding what is asked: from anything that can be searched for to vectors, and the picture where it is one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import MAIN
from lookalike.core.errors import BadQuery, BadVectors, LookalikeError
from lookalike.core.vectors import Pixels, Vectors, as_vectors, normalise
from lookalike.images.pictures import Picture, pixels_of_picture
from lookalike.parts.parts import Parts
from lookalike.search.query import Crop, SourceKind, Term, parse_query
from lookalike.search.query_forms import Queries, as_queries
from lookalike.search.query_vector import Fetch, indexed_id, query_vector
from lookalike.search.search import Query
from lookalike.search.standard_input import read_standard_input

_HOW_TO_ALLOW = (
    "; if it is in your own network and you trust it, allow it with --allow-private-addresses, "
    "LOOKALIKE_ALLOW_PRIVATE_ADDRESSES=1 or allow_private_addresses=True"
)


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
    """A query that is one picture, decoded but not embedded yet."""

    pixels: Pixels
    text: str


def understand(
    asked: Picture, parts: Parts, *, models: Sequence[str], crop: Crop | None, for_opinion: bool, stored: Fetch
) -> Understood:
    """Compute the vectors of a query.

    Args:
        asked: a picture, an id, a URL, an expression, or a raw vector of the collection's own model.
        parts: the collection.
        models: whose vectors are needed.
        crop: the part of the picture that is meant.
        for_opinion: whether the picture is needed as it is, not small, also of an indexed one.
        stored: brings the bytes of an indexed picture by its id.
    Raises:
        BadQuery: when it cannot be understood, or asks for what it does not hold.
        ImageRefused, FetchRefused, BadVectors, NotIndexed: when it cannot be used.
    """
    seen = _seen(asked, parts, models, crop=crop, for_opinion=for_opinion, stored=stored)
    return seen if isinstance(seen, Understood) else _embedded([seen], parts, models)[0]


def understand_all(
    asked: Queries, parts: Parts, *, models: Sequence[str], crop: Crop | None, for_opinion: bool, stored: Fetch
) -> list[Understood]:
    """Compute the vectors of queries; all that are pictures are embedded together.

    Args, Raises: as `understand`; what is wrong with one of several says which one it is, counted from 0.
    """
    seen: list[Understood | _Seen] = []
    for n, one in enumerate(asked.each):
        try:
            seen.append(_seen(one, parts, models, crop=crop, for_opinion=for_opinion, stored=stored))
        except LookalikeError as error:
            if asked.several:
                error.args = (f"query {n}: {error}",)
            raise
    embedded = iter(_embedded([one for one in seen if isinstance(one, _Seen)], parts, models))
    return [one if isinstance(one, Understood) else next(embedded) for one in seen]


def queries_of(asked: object, parts: Parts) -> Queries:
    """One query or several, see `lookalike.search.query_forms`."""
    return as_queries(asked, dimension=parts.catalog.dimension or parts.embedder.card.dimension)


def _seen(
    asked: Picture, parts: Parts, models: Sequence[str], *, crop: Crop | None, for_opinion: bool, stored: Fetch
) -> Understood | _Seen:
    """What a query is, as far as no model has to look at a picture of it."""
    if isinstance(asked, np.ndarray) and asked.ndim == 1:
        return _of_vector(asked, parts, models=models, crop=crop)
    if isinstance(asked, str):
        terms = parse_query(asked)
        if len(terms) > 1 or terms[0].kind is SourceKind.ID or terms[0].weight != 1:
            return _of_terms(asked, terms, parts, models=models, crop=crop, for_opinion=for_opinion, stored=stored)
        picture, text = _one_picture(asked, terms[0], parts)
    else:
        picture, text = asked, os.path.basename(asked) if isinstance(asked, os.PathLike) else "the picture given"
    return _Seen(_pixels(picture, parts, models, crop=crop, whole=for_opinion), os.fsdecode(text))


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
        raise BadQuery(f"expected one picture to compare point by point, got a sum of pictures: {asked[:200]!r}")
    if terms[0].kind is SourceKind.ID:
        picture: Picture = stored(indexed_id(terms[0].text, parts))
    else:
        picture, _ = _one_picture(asked, terms[0], parts)
    return pixels_of_picture(picture, min_side=None, limits=parts.limits)


def _of_vector(vector: NDArray[np.generic], parts: Parts, *, models: Sequence[str], crop: Crop | None) -> Understood:
    if crop is not None:
        raise BadQuery("a crop needs a picture, got a vector")
    if list(models) != [MAIN]:
        raise BadQuery("a search by several models needs a picture, got a vector of one model")
    given = as_vectors(vector, dimension=parts.catalog.dimension)
    if not given.any():
        raise BadVectors("expected a vector with a direction, got one of length 0")
    return Understood(Query({MAIN: normalise(given)}), "a vector", None)


def _of_terms(
    text: str,
    terms: Sequence[Term],
    parts: Parts,
    *,
    models: Sequence[str],
    crop: Crop | None,
    for_opinion: bool,
    stored: Fetch,
) -> Understood:
    if crop is not None:
        raise BadQuery("a crop needs a query of one picture whose pixels are at hand: a file, a URL or standard input")
    fetch = cache(lambda source: _fetched(source, parts))
    vectors: dict[str, Vectors] = {name: query_vector(terms, parts, model=name, fetch=fetch) for name in models}
    pixels = None
    if for_opinion and len(terms) == 1 and terms[0].kind is SourceKind.ID:
        data = stored(indexed_id(terms[0].text, parts))
        pixels = pixels_of_picture(data, min_side=None, limits=parts.limits)
    return Understood(Query(vectors, pixels), text, None)


def _one_picture(asked: str, term: Term, parts: Parts) -> tuple[Picture, str]:
    if term.kind is SourceKind.FILE:
        return term.text, os.path.basename(asked)
    return _fetched(term.text, parts), term.text if term.kind is SourceKind.URL else "standard input"


def _pixels(picture: Picture, parts: Parts, models: Sequence[str], *, crop: Crop | None, whole: bool) -> Pixels:
    side = max(parts.models.embedder(name).card.input_side for name in models)
    pixels = pixels_of_picture(picture, min_side=None if crop is not None or whole else side, limits=parts.limits)
    return crop.cut(pixels) if crop is not None else pixels


def _embedded(seen: Sequence[_Seen], parts: Parts, models: Sequence[str]) -> list[Understood]:
    if not seen:
        return []
    vectors = {name: parts.models.embedder(name).embed([one.pixels for one in seen]) for name in models}
    return [
        Understood(Query({name: rows[n : n + 1] for name, rows in vectors.items()}, one.pixels), one.text, one.pixels)
        for n, one in enumerate(seen)
    ]


def _fetched(source: str, parts: Parts) -> bytes:
    if source == "-":
        return read_standard_input(max_bytes=parts.limits.max_bytes)
    from lookalike.storage.fetch import fetch  # brings in http and ssl, which are slow to import

    return fetch(
        source,
        max_bytes=parts.limits.max_bytes,
        allow_private=parts.allow_private_addresses,
        private_advice=_HOW_TO_ALLOW,
    )
