"""What becomes of uploads while a folder is indexed into their collection and processes die. About six minutes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from benchmarks.acknowledged_uploads.siege import Kills, besiege
from benchmarks.harness import Bench
from benchmarks.photos import distinct_copies
from benchmarks.rows import measured, median, quartiles

QUESTION = "Are uploads that were acknowledged while an indexing run goes on for minutes, with kills, all searchable?"
UPLOADS = 500
PHOTOS = 30_000
PACE_S = 0.4
KILLS = Kills(service_every_s=12.0, index_every_s=20.0)


def measure(bench: Bench) -> None:
    photos = bench.folder("photos")
    distinct_copies(bench, photos, PHOTOS)
    pictures = [_jpeg(seed) for seed in range(bench.size(UPLOADS))]
    bench.tick()
    came = besiege(bench.folder("besieged"), photos, pictures, kills=KILLS, pace_s=PACE_S)
    bench.tick()
    note = (
        f"a quarter each: direct with a vector, direct without, at once, queued; sent in {came.seconds:.0f} s, for "
        f"{came.indexing_s:.0f} of which a run of {bench.size(PHOTOS):,} photos was indexing into the collection"
    )
    bench.add(
        measured("uploads acknowledged", came.acknowledged, "", target=f">= {len(pictures)}", note=note),
        measured("of these not searchable by our own vector in the end", came.not_found, "", target="<= 0"),
        measured("jobs that were given up", came.failed, "", target="<= 0"),
        measured("an indexing run was going on", came.indexing_s, "s"),
        measured("kills of the service", came.service_kills, ""),
        measured("kills of the indexing run", came.index_kills, ""),
        measured("indexed photos that are missing or double in the end", came.photos_wrong, "", target="<= 0"),
        measured(
            "until an upload is acknowledged, the median",
            median(came.waits_s),
            "s",
            spread=quartiles(came.waits_s),
            note="all of its requests, and waiting for a service that was killed to be there again",
        ),
    )


def _jpeg(seed: int) -> bytes:
    """Patches of its own, as unlike another seed's as can be."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(np.kron(patches, np.ones((40, 40, 1), np.uint8))).save(target, "JPEG", quality=85)
    return target.getvalue()
