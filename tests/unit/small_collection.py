"""Small collections of generated pictures, in memory, for the tests of flows."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from lookalike.catalog.base import Catalog
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.embedding.fake import FakeEmbedder
from lookalike.images.decode import decode

EMBEDDER = FakeEmbedder()


def picture(seed: int, *, side: int = 160) -> Image.Image:
    """Soft blots with some detail, the same at every side: as unlike another seed's as two photos."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).filter(ImageFilter.SMOOTH)


def encoded(image: Image.Image, image_format: str = "JPEG", **options: int) -> bytes:
    target = io.BytesIO()
    image.save(target, image_format, **options)
    return target.getvalue()


def image_id(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def new_catalog() -> MemoryCatalog:
    catalog = MemoryCatalog()
    catalog.claim_model(EMBEDDER.card.id, EMBEDDER.card.dimension)
    return catalog


def put(catalog: Catalog, path: Path | None, data: bytes) -> str:
    """Write a file (or none) and take it in, as an ingest does."""
    decoded = decode(data)
    record = ImageRecord(image_id(data), decoded.width, decoded.height, decoded.format, len(data))
    with catalog.transaction() as transaction:
        transaction.put_images([record], EMBEDDER.embed([decoded.pixels]).astype(np.float16))
        if path is not None:
            path.write_bytes(data)
            status = path.stat()
            transaction.put_files([FileRecord(str(path), record.id, status.st_size, status.st_mtime_ns)])
    return record.id
