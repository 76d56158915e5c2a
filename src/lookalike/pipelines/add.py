"""Adding one picture that has no file of its own."""

from __future__ import annotations

from dataclasses import replace

from lookalike.core.records import Metadata
from lookalike.images.files import content_id
from lookalike.pipelines.embed_files import embed_bytes
from lookalike.pipelines.parts import Parts


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
    known = parts.catalog.images([image_id])
    if known and parts.objects.has(image_id):
        if metadata:
            with parts.catalog.transaction() as transaction:
                transaction.merge_metadata({image_id: metadata})
        return image_id
    embedded = embed_bytes(data, image_id, parts.embedder, limits=parts.limits)
    parts.objects.put(data)
    with parts.catalog.transaction() as transaction:
        transaction.put_images([replace(embedded.record, metadata=metadata)], embedded.vector[None, :])
    return image_id
