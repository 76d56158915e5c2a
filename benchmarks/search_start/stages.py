"""A search in a new process, step by step: `python -m benchmarks.search_start.stages COLLECTION PHOTO CACHE`.

Prints milliseconds by step as JSON. The steps are those of `lookalike search`, in an order in which each can be
clocked.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_spent: dict[str, float] = {}


@contextmanager
def _step(name: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    _spent[name] = (time.perf_counter() - begun) * 1000


def main() -> None:
    collection, photo, cache = map(Path, sys.argv[1:])
    with _step("import numpy"):
        import numpy  # noqa: F401
    with _step("import Pillow"):
        from PIL import Image  # noqa: F401
    with _step("import ONNX Runtime"):
        import onnxruntime  # noqa: F401
    with _step("import lookalike"):
        from lookalike.assembly.index_engines import LocalEngines
        from lookalike.catalog.sqlite import SqliteCatalog
        from lookalike.embedding.onnx import OnnxEmbedder
        from lookalike.images.decode import decode
        from lookalike.images.files import read_file
        from lookalike.models.store import default_model
        from lookalike.view.local_view import LocalView
        from lookalike.view.wish import Wish
    with _step("open the catalog"):
        catalog = SqliteCatalog.open(collection / "catalog.sqlite", read_only=True)
    with _step("read the index"):
        view = LocalView(catalog, collection / "snapshots", engines=LocalEngines(), wish=Wish(projecting="auto"))
        view.refresh()
    with _step("read and check the model"):
        model = default_model("int8", cache_dir=cache)
    with _step("make the session"):
        embedder = OnnxEmbedder(model)
    with _step("read and decode the query"):
        pixels = decode(read_file(photo).data).pixels
    with _step("embed the query"):
        vector = embedder.embed([pixels])
    with _step("search"):
        found = view.search(vector, 10)
    with _step("look the hits up"):
        images = catalog.images(list(catalog.ids(found.keys[0].tolist()).values()))
        catalog.files_of(list(images))
    print(json.dumps(_spent))


if __name__ == "__main__":
    main()
