"""Kill an ingest at random moments, and look each time what is left."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lookalike
from lookalike.catalog.base import Reads
from lookalike.images.files import content_id

ROOT = Path(__file__).parents[2]


class Left(NamedTuple):
    """What a round left behind.

    Attributes:
        killed: False where the ingest was done before it could be killed.
        acknowledged: files that were acknowledged up to here.
        lost: acknowledged files that the collection does not hold as they were acknowledged.
        double: files, pictures and vectors beyond one for each.
        reopened_s: seconds for opening the collection and bringing its index up to date.
    """

    killed: bool
    acknowledged: int
    lost: int
    double: int
    reopened_s: float


class Attempt:
    """One collection that is ingested, killed and taken up again until it is done.

    Args:
        folder: an empty folder for it.
        photos: what is ingested.
        commit_after: so many files are committed together at most.
    """

    def __init__(self, folder: Path, photos: Path, *, commit_after: int) -> None:
        self._collection = folder / "killed.lookalike"
        self._acknowledged = folder / "acknowledged.txt"
        self._photos = photos
        self._commit_after = commit_after
        self._acknowledged.touch()

    def run(self, *, kill_after_s: float | None) -> Left:
        """Ingest, perhaps until it is killed, and look what is left.

        Raises:
            RuntimeError: when the ingest fails by itself.
        """
        arguments = [self._collection, self._photos, self._acknowledged, self._commit_after]
        command = [sys.executable, "-m", "benchmarks.crash_safety.ingesting", *map(str, arguments)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as child:
            try:
                child.wait(kill_after_s)
            except subprocess.TimeoutExpired:
                child.kill()
                return self._left(killed=True)
            complaints = child.stderr.read().decode(errors="replace") if child.stderr else ""
        if child.returncode:
            raise RuntimeError(f"the ingest ended with {child.returncode}: {complaints[-2000:]}")
        return self._left(killed=False)

    def missing(self) -> int:
        """Photos that the collection lacks, and pictures that it should not have."""
        wanted = {content_id(path.read_bytes()) for path in self._photos.rglob("*.jpg")}
        with lookalike.open(self._collection) as collection:
            return len(wanted ^ _known_ids(collection._parts.catalog))

    def _left(self, *, killed: bool) -> Left:
        begun = time.perf_counter()
        with lookalike.open(self._collection) as collection:
            collection.info()
            reopened_s = time.perf_counter() - begun
            parts = collection._parts  # what is stored is shown whole by nothing public
            files = list(parts.catalog.files())
            images = _known_ids(parts.catalog)
            stored = [key for some in parts.catalog.all_vectors() for key in some.keys.tolist()]
            searched = parts.view.vectors_searched()[0].tolist()
        # A last line that was cut off by the kill was never acknowledged.
        lines = self._acknowledged.read_text("utf-8", errors="replace").splitlines(keepends=True)
        promised = {line.rstrip("\n") for line in lines if line.endswith("\n")}
        lost = promised - {f"{one.image_id} {one.path}" for one in files}
        self._acknowledged.write_text("".join(f"{line}\n" for line in sorted(promised)), encoding="utf-8")
        return Left(
            killed=killed,
            acknowledged=len(promised),
            lost=len(lost),
            double=_repeated([one.path for one in files])
            + abs(len(stored) - len(images))
            + _repeated(stored)
            + len(Counter(searched) - Counter(stored))
            + len(Counter(stored) - Counter(searched)),
            reopened_s=reopened_s,
        )


def killed_rounds(
    folder: Path, photos: Path, *, kills: int, within_s: float, commit_after: int, seed: int = 0
) -> Iterator[Left]:
    """Kill an ingest so often; whenever it is done, its collection is checked and a new one begun.

    Args:
        folder: an empty folder for the collections.
        photos: what is ingested, a folder of `.jpg` files.
        kills: how often.
        within_s: each kill comes at a random moment within so many seconds of the start.
        commit_after: so many files are committed together at most.
        seed: of the moments.
    Yields:
        what each round left, also those that were done before they could be killed, and a last one that ends in peace.
    Raises:
        RuntimeError: when a collection that is done does not hold exactly the photos.
    """
    chance = random.Random(seed)
    attempts = 0
    attempt: Attempt | None = None
    while kills or attempt is not None:
        if attempt is None:
            attempts += 1
            place = folder / f"attempt-{attempts}"
            place.mkdir()
            attempt = Attempt(place, photos, commit_after=commit_after)
        left = attempt.run(kill_after_s=chance.uniform(0, within_s) if kills else None)
        kills -= left.killed
        yield left
        if not left.killed:
            if wrong := attempt.missing():
                raise RuntimeError(f"{wrong} pictures are missing or too many after the last run")
            attempt = None


def _known_ids(catalog: Reads) -> set[str]:
    return {image.id for batch in catalog.all_images() for _, image in batch}


def _repeated(items: list[str] | list[int]) -> int:
    return len(items) - len(set(items))
