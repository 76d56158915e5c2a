"""How soon a browser computes a vector, and how near it comes to the server's. Two minutes, with Chromium."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import numpy as np

from benchmarks.harness import Bench, CannotRun, evenly
from benchmarks.photos import photo_set
from benchmarks.rows import Row, could_not_run, measured, median, quartiles
from benchmarks.vectors import cache
from lookalike.core.errors import ServiceDown
from lookalike.core.vectors import Vectors
from lookalike.embedding.onnx import OnnxEmbedder
from lookalike.evaluation.parity import parity
from lookalike.images.decode import decode
from lookalike.models.store import default_model
from lookalike.service.parity.browser import find_browser
from lookalike.service.parity.golden import Golden
from lookalike.service.parity.run import BrowserVectors, embed_in_browser
from lookalike.settings.page_folder import PAGE, page_folder

QUESTION = "How soon does a browser compute a picture's vector, and is it the server's?"
PHOTOS = 400
NAMES = {
    "wasm": "plain WASM, one thread",
    "wasm-threads": "WASM with threads",
    "webgpu": "WebGPU",
}


def measure(bench: Bench) -> None:
    photos = [photo for name in ("caltech", "grocery") for photo in evenly(photo_set(name), bench.size(PHOTOS) // 2)]
    pictures = [Golden(photo.path.name, "as it is", photo.path.read_bytes()) for photo in photos]
    model = default_model("int8", cache_dir=cache())
    embedder = OnnxEmbedder(model)
    bench.add(
        measured(
            "the model over the wire",
            len(model.content) / 1e6,
            "MB",
            target="<= 4 MB",
            note=f"the collection's own int8 file; gzip would make it {len(gzip.compress(model.content)) / 1e6:.2f} MB",
        )
    )
    ours = embedder.embed([decode(one.content, min_side=224).pixels for one in pictures])
    for backend, name in NAMES.items():
        bench.tick()
        try:
            (found,) = embed_in_browser(
                pictures,
                card=embedder.card,
                model=model,
                page=page_folder() or PAGE,
                browser=find_browser(),
                backends=[backend],
            )
        except ServiceDown as error:
            raise CannotRun(str(error)) from error
        bench.add(*_rows(found, name, ours, is_promised=backend == "wasm"))


def _rows(found: BrowserVectors, name: str, ours: Vectors, *, is_promised: bool) -> Iterator[Row]:
    """Of one backend; targets are those of plain WASM on one thread."""
    if found.vectors is None:
        yield could_not_run(f"{name}: from file to vector", f"Chromium here has it not: {found.why}")
        return
    stages = {stage: values[1:][np.isfinite(values[1:])] for stage, values in found.timings_ms.items()}
    total = stages["total"].tolist()
    yield measured(
        f"{name}: from file to vector, p50",
        median(total),
        "ms",
        spread=quartiles(total),
        target="<= 50 ms" if is_promised else None,
        note=", ".join(f"{stage} {np.median(values):.1f}" for stage, values in stages.items() if stage != "total")
        + f"; p95 {np.percentile(total, 95):.0f} ms; {len(total)} photos behind the first",
    )
    yield measured(
        f"{name}: ready, model from the browser's cache",
        found.load_ms / 1000,
        "s",
        target="<= 2 s" if is_promised else None,
        note=f"fetched from the server it took {found.first_load_ms / 1000:.2f} s",
    )
    alike = parity(ours, found.vectors)
    yield measured(
        f"{name}: cosine to the server's vector, 1st percentile",
        1 - alike.p99_distance,
        "",
        target=">= 0.995",
        note=f"worst {1 - alike.worst_distance:.4f}, median {1 - alike.median_distance:.6f}",
    )
    yield measured(f"{name}: share of the first ten hits that stay", alike.top_10, "", target=">= 0.9")
