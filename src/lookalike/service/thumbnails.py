"""Small versions of pictures, made once."""

from __future__ import annotations

from lookalike.collection import Collection
from lookalike.images.encode import thumbnail_jpeg
from lookalike.storage.cache import BoundedCache

Key = tuple[str, str, int]


class Thumbnails:
    """JPEGs in memory, the least recently used going first. Safe to use from many threads.

    Args:
        max_bytes: that they may take.
    """

    def __init__(self, *, max_bytes: int = 32_000_000) -> None:
        self._jpegs: BoundedCache[Key, bytes] = BoundedCache(most_bytes=max_bytes)

    def get(self, collection: Collection, name: str, image_id: str, *, side: int) -> bytes:
        """The JPEG of a picture.

        Args:
            collection: that holds it.
            name: of the collection.
            image_id: of the picture.
            side: longest, in pixels.
        Raises:
            NotIndexed, ImageRefused: as `Pictures.read`; also for one that was shown before it was removed.
        """
        key = name, image_id, side
        jpeg = self._jpegs.get(key)
        if jpeg is not None:
            collection.get(image_id)
            return jpeg
        jpeg = thumbnail_jpeg(collection.pictures.thumbnail(image_id, min_side=side), side=side)
        self._jpegs.put(key, jpeg, size_bytes=len(jpeg))
        return jpeg
