"""Adding one picture: a file where it lies, or the bytes of one that has no file of its own."""

from __future__ import annotations

import os
from dataclasses import replace

from lookalike.core.errors import ImageRefused
from lookalike.core.records import Metadata
from lookalike.embedding.files import FileEmbedder, Refused, embed_bytes
from lookalike.images.files import content_id
from lookalike.images.walk import FoundFile, absolute
from lookalike.ingest.ingest_batches import BatchWriter
from lookalike.ingest.ingest_report import IngestReport
from lookalike.parts.parts import Parts


def add_file(path: str | os.PathLike[str], parts: Parts, *, metadata: Metadata) -> str:
    """Take one file in, as an ingest would; one that has not changed is not read.

    Args:
        path: of the file.
        parts: the collection.
        metadata: the user's fields, laid over those that its picture has.
    Returns:
        the picture's id, once all is durable.
    Raises:
        ImageRefused: when it cannot be used; the message begins with its path.
    """
    found = _found(absolute(path))
    before = parts.catalog.file(found.path)
    known = {found.path: before} if before is not None else {}
    files = FileEmbedder(parts.embedder, set(), limits=parts.limits)
    labels = {found.path: metadata} if metadata else {}
    writer = BatchWriter(
        parts.catalog,
        parts.objects,
        files,
        known=known,
        refused=parts.catalog.refused_at([found.path]),
        metadata=labels,
        report=IngestReport(),
    )
    if before is not None and (before.size_bytes, before.mtime_ns) == (found.size_bytes, found.mtime_ns):
        writer.label([found.path])
        return before.image_id
    (result,) = files.take([found])
    writer.add(result)
    writer.commit()
    if isinstance(result, Refused):
        raise ImageRefused(f"{found.path}: {result.error}", code=result.error.code, values=result.error.values)
    return known.get(found.path, result.file).image_id


def add_bytes(data: bytes, parts: Parts, *, metadata: Metadata) -> str:
    """Keep a picture's bytes in the objects and its vector in the catalog.

    The bytes are kept first: a picture that is acknowledged can be shown and embedded again. Idempotent.

    Args:
        data: of a file.
        parts: the collection.
        metadata: the user's fields, laid over those that it has.
    Returns:
        the id, once all is durable.
    Raises:
        ImageRefused: when it cannot be used; nothing is kept then.
    """
    image_id = content_id(data)
    known = parts.catalog.images([image_id]).get(image_id)
    if known is not None and not known.provisional and parts.objects.has(image_id):
        if not metadata:
            return image_id
        with parts.catalog.transaction() as transaction:
            if transaction.merge_metadata({image_id: metadata}):  # nobody has removed it meanwhile
                return image_id
    embedded = embed_bytes(data, image_id, parts.embedder, limits=parts.limits)
    with parts.catalog.transaction() as transaction:  # within it, for who removes pictures deletes bytes within another
        parts.objects.put(data)
        transaction.put_images([replace(embedded.record, metadata=metadata)], embedded.vector[None, :])
    return image_id


def _found(path: str) -> FoundFile:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # the reading says why
        return FoundFile(path, -1, -1)
    return FoundFile(path, status.st_size, status.st_mtime_ns)
