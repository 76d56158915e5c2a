"""One picture on its way to a vector."""

from __future__ import annotations

import time
from typing import NamedTuple

from lookalike.core.vectors import Pixels, Vectors
from lookalike.embedding.base import Embedder
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.images.crop import Crop
from lookalike.images.limits import ImageLimits
from lookalike.service.batching.ask import Ask


class Embedded(NamedTuple):
    """A picture's vector.

    Attributes:
        vector: shape (D,), float32, of length 1.
        width, height: of the picture in pixels, upright.
        pixels: shape (h, w, 3), uint8 RGB: as they were embedded: small, or the crop.
        wait_ms: from the question to the beginning of the decoding.
        decode_ms: of this picture alone.
        embed_ms: of all that were embedded together.
        batch: how many these were.
    """

    vector: Vectors
    width: int
    height: int
    pixels: Pixels
    decode_ms: float
    wait_ms: float
    embed_ms: float
    batch: int


class EmbedAsk(Ask[Embedded]):
    """A picture that waits to be embedded: its file, the model, and the part that is meant."""

    def __init__(self, data: bytes, embedder: Embedder, crop: Crop | None, *, deadline: float | None) -> None:
        super().__init__(deadline=deadline, size_bytes=len(data))
        self.data = data
        self.embedder = embedder
        self.crop = crop


class Prepared(NamedTuple):
    """A picture that was decoded for an embedder.

    Attributes:
        seeing: what it was decoded by, and is to be embedded by.
        pixels: shape (h, w, 3), uint8 RGB: small, or the crop.
    """

    ask: EmbedAsk
    seeing: PictureEmbedder
    pixels: Pixels
    width: int
    height: int
    decode_ms: float
    wait_ms: float

    def with_vector(self, vector: Vectors, *, embed_ms: float, batch: int) -> Embedded:
        """With its vector.

        Args:
            vector: shape (D,), float32, of length 1.
            embed_ms: of all that were embedded together.
            batch: how many these were.
        """
        return Embedded(vector, self.width, self.height, self.pixels, self.decode_ms, self.wait_ms, embed_ms, batch)


def prepare(ask: EmbedAsk, *, limits: ImageLimits) -> Prepared:
    """Decode a picture as a search of the library does: small, or every pixel where a part is cut out.

    Raises:
        ImageRefused: when it cannot be used.
        BadQuery: when the crop lies outside of it.
        ModelUnavailable: when the model cannot be opened.
    """
    wait_ms = ask.wait_ms
    seeing = PictureEmbedder(ask.embedder, limits=limits)
    started = time.perf_counter()
    decoded = seeing.decode(ask.data, crop=ask.crop)
    decode_ms = (time.perf_counter() - started) * 1000
    return Prepared(ask, seeing, decoded.pixels, decoded.width, decoded.height, decode_ms, wait_ms)
