"""Small catalogs for the tests of the SQLite engine."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.records import FileRecord, ImageRecord, RefusedFile
from tests.processes import python

D = 64
MODEL = "m" * 64


def image_id(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def image(n: int) -> ImageRecord:
    return ImageRecord(image_id(n), 640, 480, "jpeg", n, "2024-05-01T10:00:00", "Canon", {"n": n, "label": f"l{n % 3}"})


def put(catalog: SqliteCatalog, numbers: Iterable[int]) -> None:
    numbers = list(numbers)
    with catalog.transaction() as transaction:
        transaction.put_images([image(n) for n in numbers], np.ones((len(numbers), D), np.float16))
        transaction.put_files([FileRecord(f"/photos/{n}.jpg", image_id(n), n, n) for n in numbers])
        transaction.put_refused([RefusedFile(f"/photos/{n}.txt", n, n, "not_a_picture", "text") for n in numbers])


def made(path: Path, *, count: int = 0) -> SqliteCatalog:
    catalog = SqliteCatalog.open(path)
    catalog.claim_model(MODEL, D)
    put(catalog, range(count))
    return catalog


def add_further(catalog: SqliteCatalog) -> None:
    """A further model `fine`, with a vector of every picture."""
    catalog.add_further_model("fine", "f" * 64, 2)
    keys = catalog.keys_without_vector("fine", 1000)
    with catalog.transaction() as transaction:
        transaction.put_model_vectors("fine", keys, np.ones((len(keys), 2), np.float16))


def started(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python that runs a program, which has this module's names."""
    prelude = "import os, sys, time\nfrom pathlib import Path\nfrom tests.unit.catalog.pictures import *\n"
    return python("-c", prelude + program, *arguments)
