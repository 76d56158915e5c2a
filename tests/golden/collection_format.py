"""Make a golden collection with the Lookalike that is imported: `python -m tests.golden.collection_format FOLDER`.

A golden collection is what an earlier Lookalike has written, kept for good: whatever comes later must open it and
answer as that one did. `collection-formats/1` to `5` were made by running this file with the last code that wrote
that format of the catalog; whoever changes what lies in a collection adds one.

    FOLDER/collection/    as it was written
    FOLDER/answers.json   what was then answered: by name of a filter, each hit's id and similarity, best first; and
                          the pictures' metadata
"""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import lookalike

PICTURES = Path("/tmp/lookalike-golden")  # paths are kept in the catalog: the same wherever this runs
COUNT = 8
SIDE = 48
FILTERS = {"all": None, "red": "colour = 'red'", "named": "name like '%1%'", "large": "weight > 4"}
COLOURS = {"red": (255, 40, 40), "green": (40, 255, 40), "blue": (40, 40, 255)}


def main(folder: Path) -> None:
    """Index pictures with labels and a broken one, add one that lies in no file, remove one; ask, and write it down."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    PICTURES.mkdir()
    folder.mkdir(parents=True)
    labels = {}
    for n in range(COUNT):
        path = PICTURES / f"{n}.png"
        path.write_bytes(picture(n))
        labels[str(path)] = {"colour": list(COLOURS)[n % 3], "weight": n}
    (PICTURES / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more of it")
    with lookalike.open(folder / "collection") as collection:
        collection.index(PICTURES, metadata=labels)
        added = collection.add(picture(COUNT), metadata={"colour": "red", "weight": 99})
        collection.remove(PICTURES / "3.png")
    with lookalike.open(folder / "collection") as collection:  # as a later process finds it
        answers = {
            "asked": added,
            "hits": {name: hits_of(collection, added, where) for name, where in FILTERS.items()},
            "metadata": {
                hit.id: dict(collection.get(hit.id).image.metadata) for hit in collection.search(added, k=COUNT)
            },
        }
    (folder / "answers.json").write_text(json.dumps(answers) + "\n")
    shutil.rmtree(PICTURES)


def hits_of(collection: lookalike.Collection, query: str, where: str | None) -> list[list[str | float]]:
    """Ids and similarities of what is nearest to a picture of the collection."""
    return [[hit.id, round(hit.similarity, 6)] for hit in collection.search(query, k=COUNT, where=where)]


def picture(n: int) -> bytes:
    """A PNG of stripes, whose width, angle and colour depend on n."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    wave = np.sin((x * np.cos(n) + y * np.sin(n)) / (1.5 + n % 5)) * 0.5 + 0.5
    colour = np.array(list(COLOURS.values())[n % 3])
    content = io.BytesIO()
    Image.fromarray((wave[..., None] * colour).astype(np.uint8)).save(content, "PNG")
    return content.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
