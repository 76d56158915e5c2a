"""The parts of an index, each alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from lookalike.core.vectors import Pixels
from lookalike.embedding.base import Embedder
from lookalike.embedding.files import AT_ONCE
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.images.decode import decode
from lookalike.images.files import content_id, read_file
from lookalike.models.store import default_model
from lookalike.settings import read_settings


def default_embedder() -> Embedder:
    """What a new collection embeds with."""
    return OnnxEmbedder(default_model("int8", cache_dir=read_settings().cache))


def decoded(path: Path) -> Pixels:
    """What the index decodes."""
    return decode(read_file(path).data).pixels


def decode_only(paths: Sequence[Path], *, threads: int) -> float:
    """Seconds for reading and decoding."""
    return _on_threads(lambda path: decoded(path).shape, paths, threads=threads)


def model_only(embedder: Embedder, paths: Sequence[Path], *, threads: int) -> float:
    """Seconds for squeezing decoded pixels and running the model, as many at once as the index takes."""
    pixels = [decoded(path) for path in paths]
    chunks = [pixels[start : start + AT_ONCE] for start in range(0, len(pixels), AT_ONCE)]
    return _on_threads(lambda images: embedder.embed(images).shape, chunks, threads=threads)


def stage_ms(embedder: Embedder, paths: Sequence[Path]) -> dict[str, float]:
    """Milliseconds for a photo by stage, on one thread."""
    spent: dict[str, float] = defaultdict(float)

    def clocked(stage: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        answer = work()
        spent[stage] += (time.perf_counter() - begun) * 1000 / len(paths)
        return answer

    for path in paths:
        data = clocked("read", partial(read_file, path)).data
        clocked("hash", partial(content_id, data))
        pixels = clocked("decode", partial(decode, data)).pixels
        clocked("squeeze and model", partial(embedder.embed, [pixels]))
    return dict(spent)


def _on_threads(work: Callable[[Any], object], items: Sequence[Any], *, threads: int) -> float:
    with ThreadPoolExecutor(threads) as pool:
        begun = time.perf_counter()
        for _ in pool.map(work, items):
            pass
        return time.perf_counter() - begun
