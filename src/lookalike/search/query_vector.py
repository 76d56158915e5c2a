"""The vectors of queries that are not one picture at hand: sums of pictures, and pictures that are indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lookalike.catalog.base import MAIN
from lookalike.core.errors import NotIndexed
from lookalike.core.records import LEAST_OF_AN_ID
from lookalike.core.vectors import Vectors, unit_of_kept
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.parts.parts import Parts
from lookalike.search.query import SourceKind, Term, combine, is_id

Fetch = Callable[[str], bytes]
"""Brings the bytes of a URL, or of standard input for `-`."""


def query_vector(terms: Sequence[Term], parts: Parts, *, model: str, fetch: Fetch) -> Vectors:
    """The raw vector of a query of several pictures, or of indexed ones.

    Args:
        terms: the pictures.
        parts: the collection.
        model: `main`, or the name of a further model.
        fetch: brings what is neither a file nor indexed.
    Returns:
        shape (1, D), float32, of length 1.
    Raises:
        BadQuery: when the terms cancel each other out.
        NotIndexed: when an id is not in the collection, or several begin so.
        ImageRefused: when a picture cannot be used.
        FetchRefused: when a URL is not fetched.
    """
    vectors = np.concatenate([_vector_of(term, parts, model=model, fetch=fetch) for term in terms])
    return combine(vectors, [term.weight for term in terms])


def mix_vector(vector: Vectors | None, terms: Sequence[Term], parts: Parts) -> Vectors:
    """A vector with the stored vectors of indexed pictures added to it and taken from it, each of length 1.

    Args:
        vector: shape (D,), float32, of length 1; None for none.
        terms: ids, with weights.
        parts: the collection.
    Returns:
        shape (D,), float32, of length 1.
    Raises:
        BadQuery: when the terms cancel each other out.
        NotIndexed: when an id is not in the collection.
    """
    rows = [_read_vector(find_indexed_id(term.text, parts), parts, model=MAIN) for term in terms]
    given = [] if vector is None else [np.asarray(vector, np.float32)[None, :]]
    mixed: Vectors = combine(np.concatenate([*given, *rows]), [1.0] * len(given) + [term.weight for term in terms])[0]
    return mixed


def whole_id(text: str, parts: Parts) -> str:
    """The id that is written, or begins with what is written.

    Raises:
        NotIndexed: when it is no id nor the beginning of one, there is none, or there are several.
    """
    if not is_id(text):
        raise NotIndexed(
            f"expected the id of a picture or its beginning, {LEAST_OF_AN_ID} to 64 of 0-9a-f, got {text[:100]!r}"
            "; look it up with --json, or give the path of the picture"
        )
    return find_indexed_id(text, parts)


def find_indexed_id(text: str, parts: Parts) -> str:
    """The id that begins with a text.

    Raises:
        NotIndexed: when there is none, or several.
    """
    matches = parts.catalog.find_ids(text)
    if not matches:
        raise NotIndexed(
            f"no picture in the collection has an id that begins with {text}; index the picture first, or give its path"
        )
    if len(matches) > 1:
        raise NotIndexed(
            f"expected the beginning of one id, but several pictures have ids that begin with {text}, "
            f"for example {matches[0]} and {matches[1]}; write out more letters"
        )
    return matches[0]


def _vector_of(term: Term, parts: Parts, *, model: str, fetch: Fetch) -> Vectors:
    if term.kind is SourceKind.ID:
        return _read_vector(find_indexed_id(term.text, parts), parts, model=model)
    picture = term.text if term.kind is SourceKind.FILE else fetch(term.text)
    seeing = PictureEmbedder(parts.models.embedder(model), limits=parts.limits)
    return seeing.embed([seeing.pixels(picture)])


def _read_vector(image_id: str, parts: Parts, *, model: str) -> Vectors:
    keys = list(parts.catalog.keys([image_id]).values())
    stored = parts.catalog.vectors(keys) if model == MAIN else parts.catalog.model_vectors(model, keys)
    if not len(stored.keys):
        lacks = (
            "has just been removed; index it again"
            if model == MAIN
            else f"has none of the model {model!r} yet; run `lookalike model add {model} SOURCE`"
        )
        raise NotIndexed(f"expected a vector of the picture {image_id}, but it {lacks}")
    return unit_of_kept(stored.vectors)
