"""Kept bytes and the rows that refer to them stay together, over every catalog and every object store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from chain.s3_server import S3Server
from lookalike.catalog.base import Catalog, Transaction
from lookalike.catalog.patience import in_transaction, patiently
from lookalike.core.errors import CatalogDamaged
from lookalike.core.records import ImageRecord
from lookalike.doctor import orphans
from lookalike.doctor.orphans import KEPT_S, find_orphaned_objects, sweep_in_pieces, sweep_objects
from lookalike.objects.base import Objects, id_of
from lookalike.objects.local import LocalObjects
from lookalike.objects.memory import MemoryObjects
from lookalike.objects.s3 import S3Objects
from lookalike.parts import kept_bytes
from lookalike.parts.kept_bytes import delete_unreferenced, keep_and_commit
from tests.clock import Clock
from tests.contract.catalog_engines import ENGINES, new_catalog
from tests.remote.object_server import ObjectServer
from tests.remote.objects import RemoteObjects
from tests.servers.s3 import S3_SERVERS, new_bucket, s3_server_of

D = 4
DAY = 86_400.0


class Store:
    """An object store whose time can be moved."""

    def __init__(self, kind: str, folder: Path, s3: S3Server | None = None) -> None:
        self.clock = Clock(time.time())
        self._moved_at: float | None = None
        self._folder = folder / "objects"
        self.objects: Objects
        if kind == "local":
            self.objects = LocalObjects(self._folder)
        elif kind == "memory":
            self.objects = MemoryObjects(clock=self.clock)
        elif s3 is not None:
            self.objects = S3Objects(new_bucket(s3))
        else:
            self.objects = RemoteObjects(ObjectServer(clock=self.clock, fault_rate=0.1 * (kind != "remote"), seed=3))

    def pass_days(self, days: float) -> None:
        """Let time go by for what is there; of a folder, what is there becomes older.

        A server's clock cannot be moved: what it had before counts as older by more than a day, and all later as new.
        """
        self.clock.now += days * DAY
        if isinstance(self.objects, S3Objects):
            assert days * DAY > KEPT_S
            time.sleep(1.1)  # its clock may have whole seconds
            self._moved_at = time.time()
            time.sleep(1.1)
        if isinstance(self.objects, LocalObjects):
            for path in self._folder.glob("*/*"):
                at = path.stat().st_mtime - days * DAY
                os.utime(path, (at, at))

    @property
    def before(self) -> float:
        """Older than this is what a sweep takes."""
        if self._moved_at is not None:
            return self._moved_at
        return (self.clock.now if isinstance(self.objects, MemoryObjects | RemoteObjects) else time.time()) - KEPT_S


@pytest.fixture(params=["local", "memory", "remote", "remote that fails", *S3_SERVERS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    s3 = s3_server_of(request, request.param) if request.param in S3_SERVERS else None
    return Store(request.param, tmp_path, s3)


@pytest.fixture(params=ENGINES)
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    made = new_catalog(request.param, tmp_path / "catalog.sqlite")
    made.claim_model("a" * 64, D)
    yield made
    made.close()


def record(data: bytes) -> ImageRecord:
    return ImageRecord(
        id=id_of(data), width=1, height=1, format="png", size_bytes=len(data), taken_at=None, camera=None
    )


def adding(data: bytes) -> Callable[[Transaction], None]:
    def block(transaction: Transaction) -> None:
        transaction.put_images([record(data)], np.ones((1, D), np.float16))

    return block


def add(data: bytes, catalog: Catalog, objects: Objects) -> str:
    keep_and_commit(catalog, objects, id_of(data), data, adding(data))
    return id_of(data)


def remove(image_id: str, catalog: Catalog, objects: Objects) -> None:
    patiently(partial(in_transaction, catalog, lambda transaction: transaction.remove_images([image_id])))
    delete_unreferenced(catalog, objects, [image_id])


def test_what_nothing_refers_to_is_swept_after_a_day_and_nothing_else(catalog: Catalog, store: Store) -> None:
    kept, orphan = add(b"kept", catalog, store.objects), store.objects.put(b"orphan")
    assert sweep_objects(catalog, store.objects, before=store.before) == []
    store.pass_days(1.5)
    young = store.objects.put(b"on its way")
    assert [one.name for one in find_orphaned_objects(catalog, store.objects, before=store.before)] == [orphan]
    assert [one.name for one in sweep_objects(catalog, store.objects, before=store.before)] == [orphan]
    assert list(store.objects.ids()) == sorted([kept, young])
    assert sweep_objects(catalog, store.objects, before=store.before) == []


def test_an_orphan_that_is_put_again_is_new_and_waits_another_day(catalog: Catalog, store: Store) -> None:
    orphan = store.objects.put(b"orphan")
    store.pass_days(1.5)
    assert store.objects.put(b"orphan") == orphan
    assert sweep_objects(catalog, store.objects, before=store.before) == []
    store.pass_days(1.5)
    assert [one.name for one in sweep_objects(catalog, store.objects, before=store.before)] == [orphan]


def test_in_pieces_the_same_is_swept_and_no_piece_looks_at_more_than_it_may(
    catalog: Catalog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_AT_ONCE", 2)
    kept = [add(f"kept {n}".encode(), catalog, store.objects) for n in range(3)]
    left = [store.objects.put(f"orphan {n}".encode()) for n in range(4)]
    store.pass_days(1.5)
    pieces = [[one.name for one in piece] for piece in sweep_in_pieces(catalog, store.objects, before=store.before)]
    assert len(pieces) == 1 + 4  # what is half-written, and seven in twos
    assert max(map(len, pieces)) <= 2
    assert sorted(name for piece in pieces for name in piece) == sorted(left)
    assert list(store.objects.ids()) == sorted(kept)


def test_in_pieces_nothing_is_swept_by_a_damaged_catalog(
    catalog: Catalog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = store.objects.put(b"orphan")
    store.pass_days(1.5)
    monkeypatch.setattr(type(catalog), "check", lambda _: ["a page is torn"])
    with pytest.raises(CatalogDamaged, match="a page is torn"):
        list(sweep_in_pieces(catalog, store.objects, before=store.before))
    assert store.objects.has(orphan)


def test_what_is_added_while_it_is_swept_keeps_its_bytes(catalog: Catalog, store: Store) -> None:
    """The sweep has listed it as old already when it is put again."""
    orphan = store.objects.put(b"orphan")
    store.pass_days(1.5)
    listed = find_orphaned_objects(catalog, store.objects, before=store.before)
    assert next(listed).name == orphan
    add(b"orphan", catalog, store.objects)
    assert delete_unreferenced(catalog, store.objects, [orphan]) == []
    assert store.objects.get(orphan) == b"orphan"


def test_a_whole_deletion_between_the_putting_and_the_commit_takes_nothing(catalog: Catalog, store: Store) -> None:
    """Its mark has come and gone before who adds looks for one."""
    image_id = id_of(b"again")

    class Interfering:
        """Deletes once, as soon as the bytes are put."""

        def __init__(self, objects: Objects) -> None:
            self._objects, self._is_to_delete = objects, True

        def __getattr__(self, name: str) -> object:
            return getattr(self._objects, name)

        def put(self, data: bytes) -> str:
            put = self._objects.put(data)
            if self._is_to_delete:
                self._is_to_delete = False
                assert delete_unreferenced(catalog, self._objects, [put]) == [put]
            return put

    keep_and_commit(catalog, Interfering(store.objects), image_id, b"again", adding(b"again"))  # type: ignore[arg-type]
    assert catalog.keys([image_id])
    assert store.objects.get(image_id) == b"again"


def test_pictures_that_are_added_and_removed_at_the_same_time_are_there_with_their_bytes_or_not_at_all(
    catalog: Catalog, store: Store
) -> None:
    contents = [b"%d" % n for n in range(3)]
    failed: list[BaseException] = []

    def work(change: Callable[[bytes], object]) -> None:
        try:
            for _ in range(8):
                for data in contents:
                    change(data)
        except BaseException as error:
            failed.append(error)

    changes: list[Callable[[bytes], object]] = [
        lambda data: patiently(partial(add, data, catalog, store.objects)),
        lambda data: patiently(partial(add, data, catalog, store.objects)),
        lambda data: remove(id_of(data), catalog, store.objects),
    ]
    threads = [threading.Thread(target=work, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for data in contents:
        assert bool(catalog.keys([id_of(data)])) <= store.objects.has(id_of(data))
    for data in contents:
        add(data, catalog, store.objects)
        assert store.objects.get(id_of(data)) == data


def test_bytes_whose_mark_was_left_by_a_dead_process_are_put_again(
    catalog: Catalog, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_bytes, "LASTS_S", 0.2)
    image_id = add(b"a", catalog, store.objects)
    with catalog.transaction() as transaction:
        transaction.remove_images([image_id])
        transaction.begin_deleting([image_id], until=time.time() + 0.2)
    store.objects.delete([image_id])  # and there it died
    add(b"a", catalog, store.objects)
    assert catalog.deleting([image_id]) == {}
    assert store.objects.get(image_id) == b"a"
