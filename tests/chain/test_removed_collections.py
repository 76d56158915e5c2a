"""Of a collection on servers that was removed nothing stays: no bytes, no vectors, nothing on this machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.collections import png
from tests.services import SECOND, running

pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from chain.postgres import PostgresServer
from chain.s3_server import S3Server
from lookalike.collection.hosting import hosting
from lookalike.objects.s3_removals import S3Removals
from tests.served_by_servers import bucket_of_tests, use

ANOTHER = "another"


@pytest.fixture(autouse=True)
def servers(postgres_server: PostgresServer, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of this file run over them, whichever the others run over."""
    monkeypatch.setenv("LOOKALIKE_TEST_SERVERS", "1")
    use(s3_server)


def test_its_bytes_and_its_vectors_go_with_the_next_sweep_and_those_of_others_stay(tmp_path: Path) -> None:
    with running(tmp_path) as served:
        collections = served.service.collections
        assert collections.create(ANOTHER)
        gone, stays = collections.get(ANOTHER), collections.get(SECOND)
        for n in range(3):
            gone.add(png(n))
        for one in (gone, stays):
            hosting(one).feed()
        identity, kept = hosting(gone).identity, len(stays)
        index, objects = gone._parts.view._index, gone._parts.objects  # type: ignore[attr-defined]
        assert index.serving() is not None
        assert len(list(objects.ids())) == 3

        collections.remove(ANOTHER)
        collections.sweep(before=time.time() - 86_400)

        assert list(objects.ids()) == []
        assert index.versions() == {}
        index.let_go()
        removals = S3Removals(bucket_of_tests(served.service.settings))
        assert [found.name for found in removals.list_noted()] == [identity]  # late writers are swept behind for a day
        assert len(list(stays._parts.objects.ids())) == kept
        assert stays._parts.view._index.serving() is not None  # type: ignore[attr-defined]

        late = objects.put(b"by whoever did not know")
        collections.sweep(before=time.time() + 60)
        assert not objects.has(late)
        assert list(removals.list_noted()) == []
