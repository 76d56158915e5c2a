"""Which of a picture's files passes a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord


def first_matching_paths(
    where: Filter, images: Mapping[str, ImageRecord], files: Mapping[str, Sequence[FileRecord]]
) -> dict[str, str]:
    """By id, the first path (sorted) that passes; pictures of which none does are left out."""
    passing = {
        image_id: min((file.path for file in files[image_id] if where.matches(image, file.path)), default=None)
        for image_id, image in images.items()
    }
    return {image_id: path for image_id, path in passing.items() if path is not None}
