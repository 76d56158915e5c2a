"""How a worker embeds: pictures are decoded in processes of their own, those of several threads embedded together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from lookalike.core.processors import available_processors
from lookalike.embedding.files import EmbedBytes, embed_bytes
from lookalike.embedding.together import EmbeddingTogether
from lookalike.images.apart.decoders import DecoderProcesses

_TOGETHER = 8
"""Pictures that are embedded together at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeBounds:
    """What decoding one picture may cost before its process is killed.

    Attributes:
        memory_bytes: twice what a picture may take by its header (`max_decode_bytes`), for that is an estimate.
        seconds: on a busy machine the largest picture takes a few.
    """

    memory_bytes: int = 2 * 2**30
    seconds: float = 60.0


@contextmanager
def embedding_apart(*, concurrency: int, bounds: DecodeBounds) -> Iterator[EmbedBytes]:
    """What embeds a picture, during the block; the processes that decode are killed at its end.

    Args:
        concurrency: threads that use it, and processes that decode at once.
        bounds: of each picture.
    """
    decoders = DecoderProcesses(count=concurrency, memory_bytes=bounds.memory_bytes, timeout_s=bounds.seconds)
    together = EmbeddingTogether(batches=available_processors(), batch_size=_TOGETHER)
    try:
        yield partial(embed_bytes, decode=decoders.decode, embed=together.embed)
    finally:
        decoders.close()
