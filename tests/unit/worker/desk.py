"""A collection with all that uploads into it need, in memory or on disk, and a clock that is turned by hand."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors
from lookalike.images.decode import decode
from lookalike.jobs.base import Job, Jobs
from lookalike.ledger.base import Ledger, Upload, UploadState
from lookalike.ledger.memory import MemoryLedger
from lookalike.ledger.sqlite import SqliteLedger
from lookalike.objects.local_uploads import LocalUploads
from lookalike.objects.memory_uploads import MemoryUploads
from lookalike.objects.uploads import DirectUploads
from lookalike.uploads.verify_upload import Tolerance
from lookalike.worker.completing import VERIFY_UPLOAD, Completed, complete
from lookalike.worker.uploads import UploadVerifier
from tests.collections import CountingEmbedder, D, new_collection, png

DATA = png(1)
SHA256 = hashlib.sha256(DATA).hexdigest()
MODEL = CountingEmbedder().card.id
EXPIRES_AT = 1_000.0


def ours() -> Vectors:
    embedder = CountingEmbedder()
    return embedder.embed([decode(DATA, min_side=embedder.card.input_side).pixels])[0]


def elsewhere() -> Vectors:
    """A unit vector far from ours."""
    other = np.random.default_rng(5).normal(size=D).astype(np.float32)
    other -= (other @ ours()) * ours()
    return np.asarray(other / np.linalg.norm(other), np.float32)


DESKS = ["disk", "memory", "postgres"]
"""What a fixture has as its parameter that calls `new_desk`."""


def new_desk(request: pytest.FixtureRequest, *, kind: str = "", **options: Any) -> Desk:
    """A desk of the kind that is a fixture's parameter."""
    kind = kind or request.param
    if kind == "postgres":
        return Desk(database=request.getfixturevalue("postgres_place"), **options)
    return Desk(request.getfixturevalue("tmp_path") / "photos" if kind == "disk" else None, **options)


class Desk:
    """Everything wired; `now` is the time that all of it sees.

    Args:
        folder: where all of it is kept; in memory if None.
        database: URL and schema, where the ledger is kept instead.
        max_queued: jobs that may wait.
    """

    def __init__(
        self, folder: Path | None = None, *, database: tuple[str, str] | None = None, max_queued: int = 1_000
    ) -> None:
        self.now = 0.0
        self._began: float | None = None
        self.ledger: Ledger = MemoryLedger(clock=self.clock, max_queued=max_queued)
        self.uploads: DirectUploads = MemoryUploads(clock=self.clock)
        if folder is not None:
            folder.mkdir()
            self.ledger = SqliteLedger(folder / "service.sqlite", clock=self.clock, max_queued=max_queued)
            self.uploads = LocalUploads(folder / "uploads", secret=lambda: b"s" * 32, clock=self.clock)
        if database is not None:
            from lookalike.ledger.postgres import PostgresLedger

            self.ledger = PostgresLedger(database[0], schema=database[1], clock=self.clock, max_queued=max_queued)
        self.collection = new_collection(folder)
        self.observed: list[tuple[str, str, float | None]] = []

    @property
    def jobs(self) -> Jobs:
        return self.ledger.jobs

    def clock(self) -> float:
        return self.now if self._began is None else time.monotonic() - self._began

    def runs_on_its_own(self) -> None:
        """From now on the time passes, from zero."""
        self._began = time.monotonic()

    def close(self) -> None:
        self.collection.close()
        self.ledger.close()

    def ask(self, number: int = 0, *, data: bytes = DATA, bring: bool = True, **changed: Any) -> str:
        """A new upload whose bytes have been brought."""
        facts: dict[str, Any] = {
            "id": f"{number:032x}",
            "collection": "photos",
            "owner": "ann",
            "state": UploadState.WAITING,
            "size_bytes": len(data),
            "content_type": "image/png",
            "sha256": hashlib.sha256(data).hexdigest(),
            "name": "a.png",
            "created_at": self.now,
            "expires_at": EXPIRES_AT,
            "browser": "chrome",
        }
        upload = Upload(**{**facts, **changed})
        self.ledger.add_upload(upload)
        if bring:
            self.uploads.stage(upload.id, data)
        return upload.id

    def complete(self, upload_id: str, **changed: Any) -> Completed:
        said: dict[str, Any] = {
            "sha256": SHA256,
            "vector": ours(),
            "model": MODEL,
            "metadata": {"label": "a"},
            "now": self.now,
        }
        parts: dict[str, Any] = {
            "ledger": self.ledger,
            "collection": self.collection,
            "uploads": self.uploads,
        }
        return complete(self.ledger.upload(upload_id), **parts, **{**said, **changed})

    def verifier(self) -> UploadVerifier:
        return UploadVerifier(
            self.ledger,
            collection_of=lambda _: self.collection,
            uploads_of=lambda _: self.uploads,
            tolerance=Tolerance(),
            observe=lambda *what: self.observed.append(what),
        )

    def claim(self) -> Job | None:
        """The next job, an hour later."""
        self.now += 3_600.0
        return self.jobs.claim([VERIFY_UPLOAD], worker="w", lease_s=60.0)

    def work(self) -> list[Any]:
        """Do all jobs that are there."""
        results = []
        while (job := self.claim()) is not None:
            results.append(self.verifier()(job))
            self.jobs.finish(job.id, lease=job.lease, result=results[-1])
        return results

    def image(self, image_id: str = SHA256) -> ImageRecord:
        return self.collection.get(image_id).image

    def state(self, upload_id: str) -> UploadState:
        return self.ledger.upload(upload_id).state
