"""From a picture to its vector: decoded as small as the model allows, cut to the part that is meant, embedded.

Whoever needs a picture's vector comes here, so that a file has the same one, bit for bit, whether it is indexed, added,
uploaded, searched for, sent to the service, or compared by a further model. Decoding and embedding are two steps,
because what decodes may stand elsewhere than what embeds several together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lookalike.core.vectors import HalfVectors, Pixels, Vectors, narrow
from lookalike.embedding.base import Embedder
from lookalike.images.decode import Decode, DecodedImage, decode
from lookalike.images.limits import ImageLimits
from lookalike.images.pictures import Picture, pixels_of_picture

if TYPE_CHECKING:
    from lookalike.images.crop import Crop


class PictureEmbedder:
    """Decodes for one model, and embeds. Safe to use from many threads.

    Args:
        embedder: of the model.
        limits: what a picture may cost.
        decode: decodes; perhaps in a process of its own.
    """

    def __init__(self, embedder: Embedder, *, limits: ImageLimits, decode: Decode = decode) -> None:
        self._embedder = embedder
        self._limits = limits
        self._decode = decode

    def decode(self, data: bytes, *, crop: Crop | None = None) -> DecodedImage:
        """Decode a file's bytes for the model.

        Args:
            data: the whole file.
            crop: the part that is meant; every pixel is decoded then, and `pixels` are those of the part.
        Raises:
            ImageRefused: when it cannot be used.
            BadQuery: when the crop lies outside of it.
            ModelUnavailable: when the model cannot be opened.
        """
        decoded = self._decode(data, min_side=self._min_side(crop), limits=self._limits)
        return decoded if crop is None else replace(decoded, pixels=crop.cut(decoded.pixels))

    def pixels(self, picture: Picture, *, crop: Crop | None = None) -> Pixels:
        """The same pixels of a picture in any form. Raises as `decode`, and as `pixels_of_picture`.

        Returns:
            shape (H, W, 3), uint8 RGB, C-contiguous, upright.
        """
        pixels = pixels_of_picture(picture, min_side=self._min_side(crop), limits=self._limits)
        return pixels if crop is None else crop.cut(pixels)

    def embed(self, pixels: Sequence[Pixels]) -> Vectors:
        """Compute vectors to search with. Raises as `Embedder.embed`.

        Args:
            pixels: N arrays of shape (H, W, 3), uint8, as the other methods give them.
        Returns:
            shape (N, D), float32, C-contiguous, rows of length 1, a new array. Each is the one that its picture has
            alone.
        """
        return self._embedder.embed(pixels)

    def embed_to_keep(self, pixels: Sequence[Pixels]) -> HalfVectors:
        """Compute the same vectors as a catalog keeps them. Raises as `Embedder.embed`.

        Args:
            pixels: N arrays of shape (H, W, 3), uint8, as `embed` takes them.
        Returns:
            shape (N, D), float16, a new array.
        """
        return narrow(self.embed(pixels))

    def _min_side(self, crop: Crop | None) -> int | None:
        return self._embedder.card.input_side if crop is None else None
