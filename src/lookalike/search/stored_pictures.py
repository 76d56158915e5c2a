"""Pictures as a collection holds them: looked up by id, or gone through in the order in which they came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.counts import as_count
from lookalike.core.errors import NotIndexed
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.core.vectors import Keys
from lookalike.parts.parts import Parts
from lookalike.search.query_vector import whole_id


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture of the collection.

    Attributes:
        image: its facts and metadata.
        files: where it lies; none for one that was added as bytes or pixels.
    """

    image: ImageRecord
    files: tuple[FileRecord, ...]


Numbered = list[tuple[int, StoredPicture]]
"""Pictures with their numbers, which only grow."""


def find_picture(image_id: str, parts: Parts) -> StoredPicture:
    """Look a picture up by its id, or by the beginning of it.

    Raises:
        NotIndexed: when it is not in the collection, or several ids begin so; names two of those.
    """
    if not isinstance(image_id, str):
        raise NotIndexed(
            f"expected the id of a picture as a text, got {type(image_id).__name__}: {image_id!r:.80}"
            "; take it from a hit: hit.id"
        )
    catalog = parts.catalog
    found = image_id if catalog.keys([image_id]) else whole_id(image_id, parts)
    image = catalog.images([found]).get(found)
    if image is None:
        raise NotIndexed(
            f"no picture in the collection has the id {image_id!r}; take the id of a hit, or index the picture first"
        )
    return StoredPicture(image, tuple(catalog.files_of([found]).get(found, [])))


def next_pictures(catalog: Catalog, keys: Keys, *, after: int, limit: int) -> Numbered:
    """Those that come behind a number.

    Args:
        catalog: of the collection.
        keys: shape (N,), int64: of those that are gone through, ascending.
        after: the number of the last picture seen.
        limit: at most so many.
    Raises:
        BadQuery: when one of them is no whole number, or below 0.
    """
    after, limit = as_count(after, name="after", least=0), as_count(limit, name="limit", least=0)
    return _read(catalog, keys[np.searchsorted(keys, after, side="right") :][:limit])


def spread_pictures(catalog: Catalog, keys: Keys, *, count: int) -> Numbered:
    """So many of them, evenly spaced; fewer where there are fewer.

    Args:
        catalog: of the collection.
        keys: shape (N,), int64.
        count: at most so many.
    Raises:
        BadQuery: when that is no whole number, or below 1.
    """
    count = min(as_count(count, name="count"), len(keys))
    places = (np.arange(count) * 2 + 1) * len(keys) // (2 * count) if count else np.empty(0, np.int64)
    return _read(catalog, keys[places])


def _read(catalog: Catalog, keys: Keys) -> Numbered:
    ids = catalog.ids(keys.tolist())
    images, files = catalog.images(list(ids.values())), catalog.files_of(list(ids.values()))
    return [(key, StoredPicture(images[one], tuple(files.get(one, ())))) for key, one in ids.items() if one in images]
