"""What the service has acknowledged is found in the end, whatever dies or writes beside it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.acknowledged_uploads.siege import Kills, besiege
from tests.unit.images.pictures import encoded, scene

UPLOADS, PHOTOS = 24, 400


def jpeg(seed: int) -> bytes:
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(np.kron(patches, np.ones((40, 40, 1), np.uint8))).save(target, "JPEG")
    return target.getvalue()


@pytest.mark.timeout(900)  # on a busy machine each of its many processes takes long to start
def test_uploads_beside_an_indexing_run_with_kills_of_both_are_all_found_and_nothing_is_lost_or_double(
    tmp_path: Path,
) -> None:
    photos, besieged = tmp_path / "folder", tmp_path / "besieged"
    photos.mkdir()
    besieged.mkdir()
    for n in range(PHOTOS):
        (photos / f"{n:03d}.jpg").write_bytes(encoded(scene(seed=n), "JPEG"))

    came = besiege(
        besieged,
        photos,
        [jpeg(1_000 + n) for n in range(UPLOADS)],
        kills=Kills(service_every_s=3.0, index_every_s=1.0),
        pace_s=0.5,
    )

    assert came.acknowledged == UPLOADS
    assert (came.not_found, came.failed, came.photos_wrong) == (0, 0, 0)
    assert came.service_kills >= 1
    assert came.index_kills >= 1
