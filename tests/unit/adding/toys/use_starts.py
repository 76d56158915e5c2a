"""What a filter with the toy operator `starts` must answer, run on a copy of the source that has it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

from lookalike.catalog.memory import MemoryCatalog
from lookalike.catalog.sqlite import SqliteCatalog
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.service.api.documents import openapi_of
from lookalike.service.app import routes

PICTURES = {"/a/cat.jpg": "apple", "/a/cats.jpg": "apricot", "/b/dog.jpg": "pear"}


def image_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def selected(catalog: MemoryCatalog | SqliteCatalog, where: Filter) -> list[str]:
    catalog.claim_model("m" * 64, 2)
    with catalog.transaction() as transaction:
        images = [
            ImageRecord(image_id(path), 8, 8, "jpeg", 9, metadata={"label": label}) for path, label in PICTURES.items()
        ]
        keys = transaction.put_images(images, np.zeros((len(images), 2), np.float16)).tolist()
        transaction.put_files([FileRecord(path, image_id(path), 1, 1) for path in PICTURES])
    found = set(np.asarray(catalog.select(where)).tolist())
    return [path for path, key in zip(PICTURES, keys, strict=True) if key in found]


def main(folder: Path) -> None:
    by_name = Filter.parse("name starts cat")
    by_label = Filter.from_json({"label": {"starts": "ap"}})
    neither = Filter.from_json({"label": {"starts": "ear"}})
    for n, (where, expected) in enumerate([(by_name, 2), (by_label, 2), (neither, 0)]):
        for catalog in (MemoryCatalog(), SqliteCatalog.open(folder / f"{n}.sqlite")):
            assert selected(catalog, where) == list(PICTURES)[:expected], (catalog, where)
            catalog.close()
    condition = openapi_of(routes())["components"]["schemas"]["Condition"]["properties"]["starts"]
    assert condition["description"] == "Begins with a text. Takes one text, number or truth value.", condition


if __name__ == "__main__":
    main(Path(sys.argv[1]))
