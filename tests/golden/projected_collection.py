"""Make a golden collection whose snapshot alone has the projection, as 0.1.0 wrote it.

`tests/golden/projected-0.1.0` was made by running `python -m tests.golden.projected_collection FOLDER` with the last
code that kept no projection in the catalog. Its vectors are narrow and come from no model, so that it is small.

    FOLDER/catalog.sqlite, FOLDER/snapshots/    as they were written
    FOLDER/answers.npz                          queries, and the keys and similarities that were answered
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.assembly.index_engines import LocalEngines
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.records import ImageRecord
from lookalike.view.local_view import LocalView

try:
    from lookalike.view.wish import Wish
except ImportError:  # where 0.1.0 has it
    from lookalike.view.held import Wish  # type: ignore[import-not-found, no-redef]

MODEL, D, K = "a" * 64, 16, 10
LEARNT_FROM, COUNT = 280, 320


def main(folder: Path) -> None:
    """Take in pictures, save the index, take in more, save again, ask, and write it down."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    rows = (np.abs(rng.standard_normal((COUNT, D))) * np.geomspace(1, 0.1, D) + 1).astype(np.float16)
    with SqliteCatalog.open(folder / "catalog.sqlite") as catalog:
        catalog.claim_model(MODEL, D)
        view = LocalView(catalog, folder / "snapshots", engines=LocalEngines(), wish=Wish())
        for first, last in ((0, LEARNT_FROM), (LEARNT_FROM, COUNT)):
            with catalog.transaction() as transaction:
                transaction.put_images([_image(n) for n in range(first, last)], rows[first:last])
            view.refresh()
            view.save()
        queries = np.abs(rng.standard_normal((7, D))).astype(np.float32)
        found = view.search(queries, K)
        view.close()
    np.savez(folder / "answers.npz", queries=queries, keys=found.keys, similarities=found.similarities)


def answers_of(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """What was answered: queries, shape (Q, D), keys, shape (Q, K), and similarities, shape (Q, K)."""
    with np.load(folder / "answers.npz") as arrays:
        return arrays["queries"], arrays["keys"], arrays["similarities"]


def _image(n: int) -> ImageRecord:
    return ImageRecord(hashlib.sha256(str(n).encode()).hexdigest(), 64, 48, "jpeg", 1_000)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
