"""The photos that are measured on: real ones beside the project, copies and enlargements of them."""

from __future__ import annotations

import csv
import random
import shutil
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.harness import Bench, CannotRun, evenly

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"
LARGE = (4000, 3000)


class Photo(NamedTuple):
    """A labelled photo."""

    path: Path
    label: str
    split: str


def photo_set(name: str) -> list[Photo]:
    """All photos of `caltech` or `grocery`, in the order of their listing.

    Raises:
        CannotRun: when they are not on this machine.
    """
    listing = PHOTOS / f"{name}.csv"
    if not listing.is_file():
        raise CannotRun("needs the photos in ../shared/photos")
    with listing.open(newline="", encoding="utf-8") as file:
        return [Photo(PHOTOS / name / row["path"], row["label"], row.get("split", "")) for row in csv.DictReader(file)]


def all_photos(bench: Bench) -> list[Path]:
    """Grocery and Caltech photos, well mixed and always in the same order."""
    paths = [photo.path for name in ("grocery", "caltech") for photo in photo_set(name)]
    random.Random(0).shuffle(paths)
    return paths[: bench.size(len(paths))]


def large_photos(bench: Bench, count: int) -> list[Path]:
    """Photos enlarged to 12 megapixels, as a camera would write them: baseline JPEG, 4:2:0, quality 90."""
    folder = bench.shared / "large"
    folder.mkdir(exist_ok=True)
    made = []
    for n, path in enumerate(evenly(all_photos(bench), bench.size(count))):
        large = folder / f"{n:03d}.jpg"
        if not large.exists():
            with Image.open(path) as image:
                enlarged = image.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC)
            enlarged.save(large, quality=90, subsampling="4:2:0")
        made.append(large)
    return made


def distinct_copies(bench: Bench, folder: Path, count: int) -> int:
    """Fill a folder with photos; those that come round again are made distinct by bytes behind their end.

    Returns:
        how many files there are.
    """
    paths = all_photos(bench)
    wanted = bench.size(count)
    for n in range(wanted):
        path = paths[n % len(paths)]
        copy = folder / f"{n // 1000:02d}" / f"{n:05d}{path.suffix}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if n >= len(paths):
            with copy.open("ab") as file:
                file.write(n.to_bytes(4, "big"))
    return wanted
