"""The points of pictures that were looked at lately, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from lookalike.images.features.points import Points


class FeatureCache:
    """Points by the picture's id; what was not asked for longest goes first. Thread-safe.

    An id is the hash of the picture's bytes, so what is kept never becomes wrong.

    Args:
        most_bytes: that all points may take together; a picture of 1000 points takes 144 kB. 0 keeps nothing.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._size_bytes = 0
        self._points: OrderedDict[str, Points] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What the points kept take in memory."""
        return self._size_bytes

    def get(self, image_id: str) -> Points | None:
        """The points of a picture, or None where they are not kept."""
        with self._lock:
            points = self._points.get(image_id)
            if points is not None:
                self._points.move_to_end(image_id)
            return points

    def put(self, image_id: str, points: Points) -> None:
        """Keep the points of a picture, as far as there is room."""
        with self._lock:
            known = self._points.pop(image_id, None)
            self._size_bytes += points.size_bytes - (known.size_bytes if known else 0)
            self._points[image_id] = points
            while self._size_bytes > self._most_bytes:
                _, oldest = self._points.popitem(last=False)
                self._size_bytes -= oldest.size_bytes
