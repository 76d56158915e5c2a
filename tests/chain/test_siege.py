"""While any part of the chain is killed by SIGKILL, what was acknowledged comes through, and each picture once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("boto3", reason="the extra s3 is not installed")

from chain.flows import ClassicFlow, DirectFlow
from chain.parts import Parts
from chain.programs import service, worker
from chain.siege import Target, besiege
from tests.chain.conftest import photos_of, settings_of

PHOTOS = int(os.environ.get("SIEGE_PHOTOS", "60"))
"""More for a longer round: `SIEGE_PHOTOS=2000 SIEGE_EVERY_S=5 make test PYTEST=tests/chain/test_siege.py`."""

EVERY_S = float(os.environ.get("SIEGE_EVERY_S", "1"))


@pytest.mark.timeout(3_600)
def test_what_was_acknowledged_comes_through_and_each_picture_once(parts: Parts, tmp_path: Path) -> None:
    photos, model_id = photos_of(PHOTOS)
    serving = service(environment=settings_of(parts, tmp_path / "service"), log=tmp_path / "service.log")
    workers = [
        worker(environment=settings_of(parts, tmp_path / f"worker{n}"), log=tmp_path / f"worker{n}.log") for n in (0, 1)
    ]
    programs = {"service": serving, **{f"worker {n}": one for n, one in enumerate(workers)}}
    servers = {"postgres": parts.postgres, "s3": parts.s3, "rabbitmq": parts.rabbitmq}
    try:
        for one in programs.values():
            one.start()
        outcome = besiege(
            photos,
            [ClassicFlow(), DirectFlow(model_id=model_id)],
            [Target(name=name, server=server) for name, server in {**programs, **servers}.items()],
            url=serving.url,
            collection="besieged",
            model_id=model_id,
            every_s=EVERY_S,
        )
    finally:
        for one in programs.values():
            one.stop()

    assert len(outcome.acknowledged) == len(photos)
    assert sum(outcome.kills.values()) > 0
    assert [photo.name for photo in outcome.lost] == []
    assert outcome.double == 0
