"""The bytes of a picture that is held: from any file of the user that still has them, else from our own."""

from __future__ import annotations

import os

from lookalike.core.errors import ImageRefused, NotIndexed, StorageFailed
from lookalike.core.records import FileRecord
from lookalike.images.files import OpenFile, content_id, open_file, read_file
from lookalike.images.refusals import RefusalCode, refusal
from lookalike.objects.streams import FileStream, ObjectStream, check_range
from lookalike.parts.parts import Parts


def read_stored(image_id: str, parts: Parts, *, first: str | None = None) -> bytes:
    """All of them.

    Args:
        image_id: of a picture.
        parts: the collection.
        first: the file to look into before others; None for any.
    Raises:
        NotIndexed: when nothing holds it.
        ImageRefused: when all of its files are gone or hold other pictures now.
        StorageFailed: when our own are damaged, or cannot be read.
    """
    why = None
    for path in _paths(image_id, parts, first=first):
        try:
            data = read_file(path, limits=parts.limits).data
        except ImageRefused as error:
            why = why or error
            continue
        if content_id(data) == image_id:
            return data
        why = why or _changed_error()
    if why is not None and not parts.objects.has(image_id):
        raise why
    return parts.objects.get(image_id)


def read_if_there(image_id: str, parts: Parts) -> bytes | None:
    """All of them; None where they are not to be had."""
    try:
        return read_stored(image_id, parts)
    except (ImageRefused, NotIndexed, StorageFailed):
        return None


def open_stored(image_id: str, parts: Parts, *, first: int = 0, size_bytes: int | None = None) -> ObjectStream:
    """The same as a stream, or a range of it, which the caller closes. Raises as `read_stored`.

    A file of the user's is read through first, to see that it holds that picture; for a range that is left out where
    it is as it was when the catalog was told of it.

    Args:
        image_id: of a picture.
        parts: the collection.
        first: the first byte, counted from 0; one behind the end gives no bytes.
        size_bytes: at most so many; None for all until the end.
    """
    check_range(first, size_bytes)
    why = None
    for file in parts.catalog.files_of([image_id]).get(image_id, []):
        try:
            opened = open_file(file.path, limits=parts.limits)
        except ImageRefused as error:
            why = why or error
            continue
        stream = FileStream(opened, first=first, size_bytes=size_bytes)
        try:
            if (not stream.is_whole and _is_as_told(opened, file)) or opened.content_id() == image_id:
                return stream
            why = why or _changed_error()
        except OSError as error:
            why = why or refusal(RefusalCode.UNREADABLE, f"the file cannot be read: {error.strerror or error}")
        stream.close()
    if why is not None and not parts.objects.has(image_id):
        raise why
    return parts.objects.open(image_id, first=first, size_bytes=size_bytes)


def _is_as_told(opened: OpenFile, file: FileRecord) -> bool:
    status = os.fstat(opened.descriptor)
    return (status.st_size, status.st_mtime_ns) == (file.size_bytes, file.mtime_ns)


def _paths(image_id: str, parts: Parts, *, first: str | None) -> list[str]:
    paths = [file.path for file in parts.catalog.files_of([image_id]).get(image_id, [])]
    return list(dict.fromkeys(paths if first is None else [first, *paths]))


def _changed_error() -> ImageRefused:
    return refusal(
        RefusalCode.CHANGED,
        "expected the picture in its file, but the file holds another picture now",
        to_do="index its folder again",
    )
