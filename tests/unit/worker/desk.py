"""A collection with all that uploads into it need, in memory or on disk, and a clock that is turned by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.core.records import ImageRecord
from lookalike.core.vectors import Vectors
from lookalike.images.decode import decode
from lookalike.ledger.base import Ledger, Upload, UploadState
from lookalike.ledger.memory import MemoryLedger
from lookalike.ledger.sqlite import SqliteLedger
from lookalike.objects.direct.base import DirectUploads
from lookalike.objects.direct.local import LocalUploads
from lookalike.objects.direct.memory import MemoryUploads
from lookalike.queue.base import Job, Queue
from lookalike.queue.memory import MemoryQueue
from lookalike.queue.sqlite import SqliteQueue
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


class Desk:
    """Everything wired; `now` is the time that all of it sees."""

    def __init__(self, folder: Path | None = None) -> None:
        self.now = 0.0
        self.ledger: Ledger = MemoryLedger(clock=self.clock)
        self.queue: Queue = MemoryQueue(clock=self.clock)
        self.uploads: DirectUploads = MemoryUploads(clock=self.clock)
        if folder is not None:
            folder.mkdir()
            self.ledger = SqliteLedger(folder / "ledger.sqlite", clock=self.clock)
            self.queue = SqliteQueue(folder / "queue.sqlite", clock=self.clock)
            self.uploads = LocalUploads(folder / "uploads", secret=lambda: b"s" * 32, clock=self.clock)
        self.collection = new_collection(folder)
        self.observed: list[tuple[str, str, float | None]] = []

    def clock(self) -> float:
        return self.now

    def close(self) -> None:
        self.collection.close()
        self.queue.close()
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
            "owner": "ann",
            "sha256": SHA256,
            "vector": ours(),
            "model": MODEL,
            "metadata": {"label": "a"},
            "now": self.now,
        }
        parts: dict[str, Any] = {
            "ledger": self.ledger,
            "queue": self.queue,
            "collection": self.collection,
            "uploads": self.uploads,
        }
        return complete(upload_id, **parts, **{**said, **changed})

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
        return self.queue.claim([VERIFY_UPLOAD], worker="w", lease_s=60.0)

    def work(self) -> list[Any]:
        """Do all jobs that are there."""
        results = []
        while (job := self.claim()) is not None:
            results.append(self.verifier()(job))
            self.queue.finish(job.id, worker="w", result=results[-1])
        return results

    def image(self, image_id: str = SHA256) -> ImageRecord:
        return self.collection.get(image_id).image

    def state(self, upload_id: str) -> UploadState:
        return self.ledger.upload(upload_id).state
