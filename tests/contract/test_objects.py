"""What every object store promises, over every engine."""

from __future__ import annotations

import hashlib
import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.core.errors import BadInput, NotIndexed, Overloaded, ReadOnly, ServiceDown, StorageFailed, UploadRefused
from lookalike.core.retrying import Retrying
from lookalike.objects.base import Leftover, LeftoverKind, Objects
from lookalike.objects.local import LocalObjects
from lookalike.objects.memory import MemoryObjects
from lookalike.objects.s3 import S3Objects
from lookalike.objects.streams import pieces_of
from lookalike.storage.whole_file import part_of
from tests.clock import Clock
from tests.remote.object_server import Fault, ObjectServer
from tests.remote.objects import OBJECTS, RemoteObjects
from tests.servers.s3 import S3_SERVERS, new_bucket, s3_server_of

ENGINES: dict[str, Callable[[Path], Objects]] = {
    "local": lambda folder: LocalObjects(folder / "objects"),
    "memory": lambda folder: MemoryObjects(),
    "remote": lambda folder: RemoteObjects(ObjectServer(latency_s=0.0005)),
    "remote that fails": lambda folder: RemoteObjects(ObjectServer(fault_rate=0.2, seed=7)),
}


@pytest.fixture(params=[*ENGINES, *S3_SERVERS])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param in S3_SERVERS:
        return S3Objects(new_bucket(s3_server_of(request, request.param)))
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path / "objects")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=50))
def test_bytes_come_back_under_their_hash(objects: Objects, data: bytes) -> None:
    object_id = objects.put(data)
    assert object_id == hashlib.sha256(data).hexdigest()
    assert objects.get(object_id) == data
    assert objects.has(object_id)
    with objects.open(object_id) as opened:
        assert (opened.first, opened.size_bytes, opened.total_bytes, opened.is_whole) == (0, len(data), len(data), True)
        assert b"".join(iter(lambda: opened.read(20), b"")) == data
        assert opened.read(20) == b""


def test_putting_twice_is_putting_once(objects: Objects) -> None:
    assert objects.put(b"a") == objects.put(b"a")
    assert len(list(objects.ids())) == 1


def test_all_ids_are_listed_sorted(objects: Objects) -> None:
    assert list(objects.ids()) == []
    ids = [objects.put(bytes([n])) for n in range(20)]
    assert list(objects.ids()) == sorted(ids)


def test_what_is_not_there_is_told(objects: Objects) -> None:
    assert not objects.has("0" * 64)
    with pytest.raises(NotIndexed, match="0000"):
        objects.get("0" * 64)
    with pytest.raises(NotIndexed, match="0000"):
        objects.open("0" * 64)


def test_deleting_is_idempotent_and_passes_unknown_ids_over(objects: Objects) -> None:
    kept, gone = objects.put(b"kept"), objects.put(b"gone")
    objects.delete([gone, "0" * 64, gone])
    objects.delete([gone])
    assert list(objects.ids()) == [kept]
    assert not objects.has(gone)
    assert objects.put(b"gone") == gone
    assert objects.get(gone) == b"gone"


@pytest.mark.parametrize(
    "bad_id", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "aa/" + "b" * 61, "\ud800" * 64]
)
def test_what_is_no_id_is_refused_everywhere(objects: Objects, bad_id: str) -> None:
    kept = objects.put(b"kept")
    for ask in (
        objects.get,
        objects.open,
        objects.has,
        lambda one: objects.delete([kept, one]),
        lambda one: objects.put(b"bytes", expected=one),
        lambda one: objects.put_if_absent(one, b"bytes"),
    ):
        with pytest.raises(BadInput, match="64"):
            ask(bad_id)
    assert objects.has(kept)


def test_many_threads_put_the_same_and_different_bytes(objects: Objects) -> None:
    def work() -> None:
        for n in range(10):
            assert objects.get(objects.put(bytes([n]))) == bytes([n])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(objects.ids())) == 10


def test_pieces_are_taken_as_their_bytes_and_never_all_at_once(objects: Objects, tmp_path: Path) -> None:
    """Many pieces of one buffer: were all kept, they would be ten times what the buffer is."""
    piece, n = os.urandom(1 << 16), 10
    expected = hashlib.sha256(piece * n).hexdigest()
    assert objects.put(piece for _ in range(n)) == expected
    (tmp_path / "file").write_bytes(piece * n)
    with (tmp_path / "file").open("rb") as file:
        assert objects.put(pieces_of(file), expected=expected) == expected
    assert objects.get(expected) == piece * n
    assert objects.put(iter(())) == hashlib.sha256(b"").hexdigest()
    assert list(objects.ids()) == sorted([expected, hashlib.sha256(b"").hexdigest()])


@pytest.mark.parametrize("data", [b"other bytes", [b"other ", b"bytes"]], ids=["bytes", "pieces"])
def test_bytes_with_another_hash_than_expected_are_not_kept(objects: Objects, data: bytes | list[bytes]) -> None:
    expected = hashlib.sha256(b"these bytes").hexdigest()
    for put in (lambda: objects.put(data, expected=expected), lambda: objects.put_if_absent(expected, data)):
        with pytest.raises(UploadRefused, match="expected bytes of SHA-256") as refused:
            put()
        assert refused.value.code == "hash_mismatch"
    assert list(objects.ids()) == []
    assert objects.sweep(time.time() + 60) == []


def test_a_source_that_fails_halfway_leaves_nothing(objects: Objects) -> None:
    def source() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the client left")

    with pytest.raises(ConnectionResetError, match="the client left"):
        objects.put(source())
    assert list(objects.ids()) == []
    assert objects.sweep(time.time() + 60) == []


def test_put_if_absent_says_whether_it_was_there_and_asks_for_no_pieces_then(objects: Objects) -> None:
    object_id = hashlib.sha256(b"once").hexdigest()

    def unasked() -> Iterator[bytes]:
        raise AssertionError("nobody needs them")
        yield b""

    assert objects.put_if_absent(object_id, [b"on", b"ce"]) or isinstance(objects, RemoteObjects)
    assert not objects.put_if_absent(object_id, unasked())
    assert not objects.put_if_absent(object_id, b"once")
    assert objects.get(object_id) == b"once"


@pytest.mark.parametrize(
    ("first", "size_bytes"), [(0, 0), (0, 1), (3, 4), (9, 1), (9, 100), (10, 5), (1_000, None), (0, None), (4, None)]
)
def test_a_range_gives_its_bytes_as_far_as_there_are_any(objects: Objects, first: int, size_bytes: int | None) -> None:
    data = b"0123456789"
    expected = data[first : None if size_bytes is None else first + size_bytes]
    with objects.open(objects.put(data), first=first, size_bytes=size_bytes) as stream:
        assert (stream.total_bytes, stream.size_bytes, stream.first) == (10, len(expected), min(first, 10))
        assert stream.is_whole == (expected == data)
        assert b"".join(pieces_of(stream)) == expected


@pytest.mark.parametrize(("first", "size_bytes"), [(-1, None), (0, -1)])
def test_what_is_no_range_is_refused(objects: Objects, first: int, size_bytes: int | None) -> None:
    object_id = objects.put(b"a")
    with pytest.raises(BadInput, match="range"):
        objects.open(object_id, first=first, size_bytes=size_bytes)


def test_ids_are_listed_by_prefix_and_from_a_place_on(objects: Objects) -> None:
    ids = sorted(objects.put(bytes([n])) for n in range(60))
    for prefix in ("", "6", ids[7][:2], ids[7][:9], ids[7], "zz"):
        assert list(objects.ids(prefix=prefix)) == [one for one in ids if one.startswith(prefix)]
    assert list(objects.ids(after=ids[20])) == ids[21:]
    assert list(objects.ids(prefix=ids[30][:1], after=ids[30])) == [one for one in ids[31:] if one[0] == ids[30][0]]
    assert list(objects.ids(after="f" * 65)) == []


def damaged(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.write_bytes(
        {"flipped": bytes([data[0] ^ 1]) + data[1:], "cut": data[:-1], "emptied": b"", "longer": data + b"x"}[how]
    )


def test_a_large_object_never_lies_in_memory_as_a_whole(local: LocalObjects) -> None:
    size_bytes, piece = 64 << 20, bytes(1 << 20)
    tracemalloc.start()
    try:
        object_id = local.put(piece for _ in range(size_bytes // len(piece)))
        with local.open(object_id) as stream:
            assert sum(len(one) for one in pieces_of(stream)) == size_bytes
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", ["flipped", "cut", "emptied", "longer"])
def test_damaged_bytes_are_never_handed_out(local: LocalObjects, how: str) -> None:
    object_id = local.put(b"a picture")
    damaged(local.folder / object_id[:2] / object_id[2:], how)
    with pytest.raises(StorageFailed, match="damaged"):
        local.get(object_id)
    with pytest.raises(StorageFailed, match="damaged"):
        local.open(object_id)


@pytest.mark.parametrize("how", ["cut", "emptied", "longer"])
def test_bytes_of_another_length_are_mended_by_putting_them_again(local: LocalObjects, how: str) -> None:
    object_id = local.put(b"a picture")
    damaged(local.folder / object_id[:2] / object_id[2:], how)
    assert local.get(local.put(b"a picture")) == b"a picture"


def test_pieces_that_a_dead_process_left_are_swept(local: LocalObjects) -> None:
    local.put(iter([b"a"]))
    left = local.folder / ".arriving.0123abcd.part"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert [one.name for one in local.sweep(100.0)] == [left.name]
    assert not left.exists()


def test_what_was_half_written_is_never_seen_and_later_swept_away(local: LocalObjects) -> None:
    object_id = local.put(b"first")
    folder = local.folder / object_id[:2]
    of_earlier_versions, new = folder / ".put-old", part_of(folder / "x")
    old = part_of(folder / "x")
    for path in (old, of_earlier_versions, new):
        path.write_bytes(b"half")
    for path in (old, of_earlier_versions):
        os.utime(path, (0, 0))
    assert list(local.ids()) == [object_id]
    local.delete([object_id])
    local.put(b"first")
    assert not old.exists()
    assert not of_earlier_versions.exists()
    assert new.exists()


def test_a_failed_write_leaves_nothing_behind(local: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        local.put(b"a")
    monkeypatch.undo()
    assert list(local.ids()) == []
    assert [path for path in local.folder.rglob("*") if path.is_file()] == []
    assert local.has(local.put(b"a"))


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path, read_only_folder: Callable[[Path], Path]) -> None:
    folder = tmp_path / "objects"
    folder.mkdir()
    object_id = LocalObjects(folder).put(b"there")
    store = LocalObjects(read_only_folder(folder))
    assert store.get(object_id) == b"there"
    assert store.put(b"there") == object_id
    with pytest.raises(ReadOnly):
        store.put(b"new")
    with pytest.raises(ReadOnly):
        store.delete([object_id])
    assert store.has(object_id)


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("in the way")
    with pytest.raises(StorageFailed, match="objects"):
        LocalObjects(tmp_path / "objects").put(b"a")


def test_what_is_older_is_told_until_it_is_put_again(objects: Objects) -> None:
    first, second = objects.put(b"first"), objects.put(b"other")
    assert list(objects.older(time.time() - 60)) == []
    assert sorted(objects.older(time.time() + 60)) == sorted(
        [Leftover(LeftoverKind.OBJECT, first, 5), Leftover(LeftoverKind.OBJECT, second, 5)]
    )


def test_an_object_that_is_put_again_is_as_new(local: LocalObjects) -> None:
    object_id = local.put(b"a")
    for again in (
        lambda: local.put(b"a"),
        lambda: local.put(iter([b"a"])),
        lambda: local.put_if_absent(object_id, b"a"),
        lambda: local.put_if_absent(object_id, iter([b"a"])),
    ):
        os.utime(local.folder / object_id[:2] / object_id[2:], (0, 0))
        assert [one.name for one in local.older(100.0)] == [object_id]
        again()
        assert list(local.older(100.0)) == []


Aging = tuple[Objects, Callable[[], float]]
"""A store, and what lets time go by: gives a time before which all is old that was put so far, and nothing later is."""


@pytest.fixture(params=["memory", "remote", *S3_SERVERS])
def aging(request: pytest.FixtureRequest) -> Aging:
    if request.param in S3_SERVERS:  # its clock is its own, and may have whole seconds
        return S3Objects(new_bucket(s3_server_of(request, request.param))), pass_a_second
    clock = Clock(100.0)

    def pass_by() -> float:
        clock.now += 50
        return clock.now

    if request.param == "memory":
        return MemoryObjects(clock=clock), pass_by
    return RemoteObjects(ObjectServer(clock=clock)), pass_by


def pass_a_second() -> float:
    time.sleep(1.1)
    now = time.time()
    time.sleep(1.1)
    return now


def test_an_id_that_is_put_again_in_whatever_way_is_new(aging: Aging) -> None:
    objects, pass_by = aging
    object_id = objects.put(b"a")
    for again in (
        lambda: objects.put(b"a"),
        lambda: objects.put(iter([b"a"])),
        lambda: objects.put_if_absent(object_id, b"a"),
        lambda: objects.put_if_absent(object_id, iter([b"a"])),
    ):
        before = pass_by()
        assert [one.name for one in objects.older(before)] == [object_id]
        again()
        assert list(objects.older(before)) == []


def test_what_a_dead_process_left_half_written_is_swept_and_nothing_else(local: LocalObjects) -> None:
    object_id = local.put(b"a")
    folder = local.folder / object_id[:2]
    old, new = part_of(folder / "x"), part_of(folder / "x")
    for path, age in ((folder / ".put-old", 0), (old, 0), (folder / ".put-new", 200), (new, 200)):
        path.write_bytes(b"half")
        os.utime(path, (age, age))
    gone = [Leftover(LeftoverKind.HALF_WRITTEN, name, 4) for name in (".put-old", old.name)]
    assert local.sweep(100.0, dry_run=True) == gone
    assert local.sweep(100.0) == gone
    assert local.sweep(100.0) == []
    assert sorted(path.name for path in folder.iterdir()) == sorted([".put-new", new.name, object_id[2:]])


def test_nothing_is_swept_where_nothing_was_ever_put(objects: Objects) -> None:
    assert objects.sweep(time.time() + 60) == list(objects.older(time.time() + 60)) == []


@pytest.fixture
def remote() -> RemoteObjects:
    return RemoteObjects(ObjectServer())


@pytest.mark.parametrize("fault", [Fault.SLOW_DOWN, Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER])
def test_a_store_elsewhere_is_asked_again_whatever_was_applied(remote: RemoteObjects, fault: Fault) -> None:
    for operation in ("put", "head", "copy", "keys", "delete", "get"):
        remote.server.fail_next(operation, fault, fault)
    object_id = remote.put(b"a picture")
    assert remote.get(object_id) == b"a picture"
    assert remote.put(b"a picture") == object_id
    assert list(remote.ids()) == [object_id]
    remote.delete([object_id])
    assert list(remote.ids()) == []
    remote.server.fail_next("put", fault)
    assert remote.put_if_absent(object_id, b"a picture") == (fault is not Fault.TIMEOUT_AFTER)


def test_a_connection_that_is_lost_is_taken_up_where_it_broke(remote: RemoteObjects) -> None:
    data = bytes(range(200))
    object_id = remote.put(data)
    remote.server.fail_next("get", *[Fault.LOST] * 3)
    with remote.open(object_id) as stream:
        assert b"".join(iter(lambda: stream.read(50), b"")) == data
    assert remote.server.asked["get"] == 4


def test_a_store_that_does_not_answer_at_all_is_told_and_asked_no_more_than_was_said(remote: RemoteObjects) -> None:
    remote.server.fail_next("head", *[Fault.TIMEOUT_BEFORE] * 100)
    with pytest.raises(ServiceDown, match="does not answer"):
        remote.has("0" * 64)
    assert remote.server.asked["head"] == 12
    slow = RemoteObjects(ObjectServer(), retrying=Retrying(attempts=2, wait=lambda _: None))
    slow.server.fail_next("head", *[Fault.SLOW_DOWN] * 2)
    with pytest.raises(Overloaded, match="come again"):
        slow.has("0" * 64)


@pytest.mark.parametrize("other", [b"a picturE", b"a pic", b""])
def test_damage_elsewhere_is_told_before_the_last_bytes(remote: RemoteObjects, other: bytes) -> None:
    object_id = remote.put(b"a picture")
    remote.server.damage(OBJECTS + object_id, other)
    with pytest.raises(StorageFailed, match="damaged"):
        remote.get(object_id)
    remote.server.damage(OBJECTS + object_id, b"a pic")
    assert remote.get(remote.put(b"a picture")) == b"a picture"


def test_more_than_a_page_is_listed_and_deleted(remote: RemoteObjects) -> None:
    ids = sorted(remote.put(b"%d" % n) for n in range(2_300))
    before = remote.server.asked["keys"]
    assert list(remote.ids()) == ids
    assert remote.server.asked["keys"] - before == 4
    remote.delete(ids)
    assert remote.server.asked["delete"] == 3
    assert list(remote.ids()) == []
