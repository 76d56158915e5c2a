"""Pictures that bring their decoders down, before a hundred good ones: they are given up, and no other is lost."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import partial

import pytest

from lookalike.dispatch.memory import MemoryDispatch
from lookalike.embedding.files import embed_bytes
from lookalike.embedding.together import EmbeddingTogether
from lookalike.images.apart.decoders import DecoderProcesses
from lookalike.jobs.base import JobState
from lookalike.ledger.base import UploadState
from lookalike.ledger.memory import MemoryLedger
from lookalike.uploads.verify_upload import Tolerance
from lookalike.worker import Worker
from lookalike.worker.completing import VERIFY_UPLOAD, as_told
from lookalike.worker.policy import MOST_DECODERS
from lookalike.worker.relay import Relay
from lookalike.worker.uploads import UploadVerifier
from tests.collections import png
from tests.threads import running
from tests.unit.images.test_apart import POISONED
from tests.unit.worker.desk import Desk
from tests.waiting import eventually

GOOD, CONCURRENCY = 100, 3
POISONS = [b"crash", b"vanish"] + ([b"grow"] if sys.platform == "linux" else [])


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    for module in ("policy", "relay", "worker"):
        monkeypatch.setattr(f"lookalike.worker.{module}.backoff_s", lambda attempts, random=None: 0.01)
    desk = Desk()
    desk.ledger = MemoryLedger(max_attempts=10)  # as a service has them
    return desk


def upload(desk: Desk, number: int, poison: bytes = b"") -> str:
    upload_id = desk.ask(number, data=png(100 + number) + poison, expires_at=10.0**12)
    desk.complete(upload_id, sha256=desk.ledger.upload(upload_id).sha256, vector=None, model=None)
    return upload_id


def test_pictures_that_bring_decoders_down_are_given_up_after_five_and_the_hundred_behind_them_are_done(
    desk: Desk,
) -> None:
    bad = {upload(desk, number, poison): poison for number, poison in enumerate(POISONS)}
    good = [upload(desk, number) for number in range(len(POISONS), len(POISONS) + GOOD)]
    dispatch = MemoryDispatch(look_every_s=600.0)
    with closing(
        DecoderProcesses(count=CONCURRENCY, memory_bytes=300_000_000, timeout_s=60.0, program=POISONED)
    ) as decoders:
        together = EmbeddingTogether(batches=1, batch_size=8)
        verify = UploadVerifier(
            desk.ledger,
            collection_of=lambda _: desk.collection,
            uploads_of=lambda _: desk.uploads,
            tolerance=Tolerance(),
            observe=lambda *what: desk.observed.append(what),
            embed=partial(embed_bytes, decode=decoders.decode, embed=together.embed),
        )
        worker = Worker(desk.jobs, dispatch, {VERIFY_UPLOAD: verify}, name="w", concurrency=CONCURRENCY)
        with running(worker.run, Relay(desk.jobs, dispatch, every_s=0.01).run):
            eventually(lambda: desk.jobs.facts()[:2] == (0, 0) and len(dispatch.dead) == len(bad))

    assert {desk.state(upload_id) for upload_id in good} == {UploadState.STORED}
    assert len(desk.collection) == GOOD
    jobs = {desk.ledger.upload(upload_id).job_id: poison for upload_id, poison in bad.items()}
    for job_id in jobs:
        assert job_id is not None
        job = desk.jobs.get(job_id)
        assert (job.state, job.code, job.attempts) == (JobState.FAILED, "decoder_died", MOST_DECODERS)
    hows = {b"crash": r"crashed (SIGSEGV)", b"vanish": "was killed", b"grow": "ran out of memory"}
    for upload_id, poison in bad.items():
        told = as_told(desk.ledger.upload(upload_id), desk.jobs)
        assert (told.state, told.code) == (UploadState.FAILED, "decoder_died")
        assert hows[poison] in told.detail
    letters = {letter.notice.job_id: letter for letter in dispatch.dead}
    assert set(letters) == set(jobs)
    traces = {b"crash": "Segmentation fault", b"vanish": "DecoderDied", b"grow": "MemoryError"}
    for job_id, letter in letters.items():
        assert (letter.code, letter.attempts) == ("decoder_died", MOST_DECODERS)
        assert letter.detail == desk.jobs.get(job_id).detail
        assert traces[jobs[job_id]] in letter.trace
    assert desk.jobs.outbox() == []
    desk.close()
