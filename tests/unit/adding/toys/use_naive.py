"""A view whose owner wants the toy's index, run on a copy of the source that has it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.memory import MemoryCatalog
from lookalike.core.records import ImageRecord
from lookalike.view.local_view import LocalView
from lookalike.view.wish import Wish

N, D, K = 30, 8, 5


def main(folder: Path) -> None:
    rng = np.random.default_rng(3)
    catalog = MemoryCatalog()
    catalog.claim_model("m" * 64, D)
    with catalog.transaction() as transaction:
        images = [ImageRecord(f"{n:064x}", 4, 4, "png", 4) for n in range(N)]
        transaction.put_images(images, rng.normal(size=(N, D)).astype(np.float16))
    queries = rng.normal(size=(3, D)).astype(np.float32)
    found = []
    for engine, place in (("exact", None), ("naive", folder), ("naive", folder)):
        view = LocalView(catalog, place, engines=LocalEngines(), wish=Wish(projecting="off", engine=engine))
        view.refresh()
        found.append(view.search(queries, K).keys.tolist())
        assert view.facts().engine == engine
        if place is not None:
            view.save()
        view.close()
    assert found[0] == found[1] == found[2]
    assert list(folder.iterdir())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
