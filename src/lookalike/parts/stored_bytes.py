"""The bytes of a picture that is held: from any file of the user that still has them, else from our own."""

from __future__ import annotations

from lookalike.core.errors import ImageRefused, NotIndexed, StorageFailed
from lookalike.images.files import OpenFile, content_id, open_file, read_file
from lookalike.images.refusals import RefusalCode, refusal
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
        why = why or _changed()
    if why is not None and not parts.objects.has(image_id):
        raise why
    return parts.objects.get(image_id)


def stored_if_there(image_id: str, parts: Parts) -> bytes | None:
    """All of them; None where they are not to be had."""
    try:
        return read_stored(image_id, parts)
    except (ImageRefused, NotIndexed, StorageFailed):
        return None


def open_stored(image_id: str, parts: Parts) -> OpenFile:
    """The same as an open file, which the caller closes. Raises as `read_stored`."""
    why = None
    for path in _paths(image_id, parts, first=None):
        try:
            opened = open_file(path, limits=parts.limits)
        except ImageRefused as error:
            why = why or error
            continue
        try:
            if opened.content_id() == image_id:
                return opened
            why = why or _changed()
        except OSError as error:
            why = why or refusal(RefusalCode.UNREADABLE, f"the file cannot be read: {error.strerror or error}")
        opened.close()
    if why is not None and not parts.objects.has(image_id):
        raise why
    return parts.objects.open(image_id)


def _paths(image_id: str, parts: Parts, *, first: str | None) -> list[str]:
    paths = [file.path for file in parts.catalog.files_of([image_id]).get(image_id, [])]
    return list(dict.fromkeys(paths if first is None else [first, *paths]))


def _changed() -> ImageRefused:
    return refusal(RefusalCode.CHANGED, "the file holds another picture now")
