"""Small versions of pictures, made once."""

from __future__ import annotations

import threading
from collections import OrderedDict

from lookalike.collection import Collection
from lookalike.images.encode import thumbnail_jpeg

Key = tuple[str, str, int]


class Thumbnails:
    """JPEGs in memory, the least recently used going first. Safe to use from many threads.

    Args:
        max_bytes: that they may take.
    """

    def __init__(self, *, max_bytes: int = 32_000_000) -> None:
        self._max_bytes = max_bytes
        self._mutex = threading.Lock()
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, collection: Collection, name: str, image_id: str, *, side: int) -> bytes:
        """The JPEG of a picture.

        Args:
            collection: that holds it.
            name: of the collection.
            image_id: of the picture.
            side: longest, in pixels.
        Raises:
            NotIndexed, ImageRefused: as `Collection.bytes_of`; also for one that was shown before it was removed.
        """
        key = name, image_id, side
        with self._mutex:
            jpeg = self._kept.get(key)
            if jpeg is not None:
                self._kept.move_to_end(key)
        if jpeg is not None:
            collection.get(image_id)
            return jpeg
        jpeg = thumbnail_jpeg(collection.small(image_id, min_side=side), side=side)
        self._keep(key, jpeg)
        return jpeg

    def _keep(self, key: Key, jpeg: bytes) -> None:
        with self._mutex:
            self._bytes += len(jpeg) - len(self._kept.pop(key, b""))
            self._kept[key] = jpeg
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
