"""Adding one picture: a file where it lies, or the bytes of one that has no file of its own."""

from __future__ import annotations

import os
from dataclasses import replace

from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import ImageRefused
from lookalike.core.paths import absolute
from lookalike.core.records import Metadata
from lookalike.embedding.files import FileEmbedder, Refused, embed_bytes
from lookalike.images.files import content_id
from lookalike.images.walk import FoundFile
from lookalike.ingest.ingest_batches import BatchWriter
from lookalike.ingest.ingest_report import IngestReport
from lookalike.ingest.scan import read_said
from lookalike.parts.kept_bytes import keep_and_commit
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
    found = _find(absolute(path))
    before = parts.catalog.file(found.path)
    files = FileEmbedder(parts.embedder, lambda _: (), limits=parts.limits)
    labels = {found.path: metadata} if metadata else {}
    writer = BatchWriter(parts.catalog, parts.objects, files, metadata=labels, report=IngestReport())
    writer.expect(read_said([found.path], parts.catalog), {})
    if before is not None and (before.size_bytes, before.mtime_ns) == (found.size_bytes, found.mtime_ns):
        writer.label([found.path])
        return before.image_id
    (result,) = files.take([found])
    writer.add(result)
    writer.commit()
    if isinstance(result, Refused):
        raise ImageRefused(f"{found.path}: {result.error}", code=result.error.code, values=result.error.values)
    now = parts.catalog.file(found.path)  # another run may have seen it later
    return (now or result.file).image_id


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
        if in_transaction(parts.catalog, lambda transaction: transaction.merge_metadata({image_id: metadata})):
            return image_id  # else somebody has removed it meanwhile
    embedded = embed_bytes(data, image_id, parts.embedder, limits=parts.limits)
    image, vectors = replace(embedded.record, metadata=metadata), embedded.vector[None, :]
    keep_and_commit(
        parts.catalog, parts.objects, image_id, data, lambda transaction: transaction.put_images([image], vectors)
    )
    return image_id


def _find(path: str) -> FoundFile:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # the reading says why
        return FoundFile(path, -1, -1)
    return FoundFile(path, status.st_size, status.st_mtime_ns)
