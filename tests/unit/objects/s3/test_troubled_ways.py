"""An S3 store that is slow, busy, lost or gone, over a real server with a way to it that fails as it is told."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from chain.s3_server import S3Server
from lookalike.core.errors import LookalikeError, PartBusy, ReadOnly, ServiceDown, StorageFailed
from lookalike.core.retrying import Retrying
from lookalike.objects.base import Objects
from lookalike.objects.s3 import S3Objects
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_requests import PART_BYTES, S3Requests
from lookalike.objects.s3_uploads import S3Uploads
from lookalike.objects.streams import pieces_of
from tests.servers.s3 import QUICKLY, bucket_of, new_bucket
from tests.servers.s3_proxy import Proxy, Trouble, proxy_of

ONCE = Retrying(attempts=1)


@pytest.fixture
def bucket(any_s3_server: S3Server) -> S3Bucket:
    return new_bucket(any_s3_server)


@pytest.fixture
def proxy(bucket: S3Bucket) -> Iterator[Proxy]:
    with proxy_of(bucket.endpoint) as proxy:
        yield proxy


@pytest.fixture
def behind(bucket: S3Bucket, proxy: Proxy) -> S3Bucket:
    """The same bucket, by the way that fails."""
    return replace(bucket, endpoint=proxy.url)


AGAIN = [Trouble.ERROR, Trouble.SLOW_DOWN, Trouble.RESET, Trouble.LOST, Trouble.CUT]


@pytest.mark.parametrize("trouble", AGAIN)
def test_whatever_fails_once_is_done_in_the_end_and_done_once(behind: S3Bucket, proxy: Proxy, trouble: Trouble) -> None:
    objects, uploads = S3Objects(behind), S3Uploads(behind)

    def meeting(*_: object) -> None:
        proxy.fail_next(trouble)

    meeting()
    object_id = objects.put(b"a picture")
    meeting()
    assert objects.put(iter([b"a ", b"picture"])) == object_id
    meeting()
    assert objects.has(object_id)
    meeting()
    assert objects.get(object_id) == b"a picture"
    meeting()
    assert list(objects.ids()) == [object_id]
    meeting()
    uploads.stage("0" * 32, b"a picture")
    meeting()
    assert uploads.staged("0" * 32) is not None
    meeting()
    objects.delete([object_id])
    meeting()
    assert objects.sweep(time.time() + 60) == []
    assert list(objects.ids()) == []
    assert len(proxy.seen) > 9 + 9  # each was asked again


def test_an_object_that_was_put_although_the_answer_was_lost_is_there_once(behind: S3Bucket, proxy: Proxy) -> None:
    objects = S3Objects(behind)
    proxy.fail_next(*[Trouble.LOST] * 3)
    object_id = objects.put(b"a picture")
    assert [one.size_bytes for one in objects.older(time.time() + 60)] == [len(b"a picture")]
    assert objects.get(object_id) == b"a picture"


def test_a_body_that_ends_too_early_is_taken_up_where_it_broke(behind: S3Bucket, proxy: Proxy) -> None:
    data = os.urandom(3 << 20)
    objects = S3Objects(behind)
    object_id = objects.put(data)
    proxy.seen.clear()
    proxy.fail_next(Trouble.CUT, Trouble.CUT)
    with objects.open(object_id) as stream:
        assert b"".join(pieces_of(stream)) == data
    asked = [one.headers.get("range", "") for one in proxy.seen]
    assert asked[0] == ""
    assert len(asked) == 3
    assert all(one.startswith("bytes=") and one != "bytes=0-" for one in asked[1:])


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble.ERROR, ServiceDown),
        (Trouble.SLOW_DOWN, PartBusy),
        (Trouble.RESET, ServiceDown),
        (Trouble.SILENT, ServiceDown),
    ],
)
def test_what_goes_on_failing_is_told_after_as_many_tries_as_were_said(
    behind: S3Bucket, proxy: Proxy, trouble: Trouble, expected: type[LookalikeError]
) -> None:
    bucket = replace(behind, timeout_s=0.5, retrying=Retrying(attempts=2, wait=lambda _: None))
    objects = S3Objects(bucket)
    proxy.fail_next(*[trouble] * 10)
    with pytest.raises(expected, match=r"expected (the|an answer of the) object store"):
        objects.has("0" * 64)
    assert len(proxy.seen) == 2
    with pytest.raises(expected):
        objects.sweep(time.time())  # goes through the other library
    assert len(proxy.seen) == 4


def test_a_store_without_room_is_told_at_once_as_that(behind: S3Bucket, proxy: Proxy) -> None:
    proxy.fail_all(Trouble.NO_ROOM)
    with pytest.raises(StorageFailed, match="make room"):
        S3Objects(behind).put(b"more")
    assert len(proxy.seen) == 1


def test_a_store_that_is_slow_now_and_then_is_waited_for(behind: S3Bucket, proxy: Proxy) -> None:
    objects = S3Objects(replace(behind, timeout_s=1.0))
    proxy.fail_next(Trouble.SILENT)
    object_id = objects.put(b"a picture")
    proxy.fail_next(Trouble.SILENT)
    assert objects.get(object_id) == b"a picture"


def test_a_gateway_that_dies_and_comes_back_loses_nothing_that_was_acknowledged(any_s3_server: S3Server) -> None:
    patient = Retrying(attempts=60, first_pause_s=0.05, longest_pause_s=0.5)
    objects = S3Objects(new_bucket(any_s3_server, retrying=patient))
    acknowledged: list[str] = []
    failed: list[BaseException] = []
    ended = threading.Event()

    def work(name: int) -> None:
        n = 0
        try:
            while not ended.is_set():
                n += 1
                acknowledged.append(objects.put(b"%d %d " % (name, n) + os.urandom(20_000)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            reached = len(acknowledged) + 5
            while len(acknowledged) < reached and not failed:
                time.sleep(0.01)
            any_s3_server.kill_front()
            time.sleep(0.3)
            any_s3_server.start_front()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert failed == []
    for object_id in acknowledged:
        assert hashlib.sha256(objects.get(object_id)).hexdigest() == object_id
    assert set(acknowledged) <= set(objects.ids())


def test_a_server_that_is_not_there_is_told_with_what_to_do(bucket: S3Bucket) -> None:
    with proxy_of(bucket.endpoint) as gone:
        url = gone.url
    objects = S3Objects(replace(bucket, endpoint=url, retrying=ONCE))
    for ask in (lambda: objects.has("0" * 64), lambda: objects.sweep(0), lambda: objects.put(b"a")):
        with pytest.raises(ServiceDown, match=r"expected an answer .* got none .*; start it, or look at"):
            ask()


def attempts(objects: Objects) -> Iterator[tuple[str, object]]:
    """Every kind of request, by what it does."""
    yield "read", lambda: objects.has("0" * 64)
    yield "read", lambda: objects.get("0" * 64)
    yield "read", lambda: list(objects.ids())
    yield "read", lambda: objects.sweep(time.time())
    yield "write", lambda: objects.put(b"a picture")
    yield "read", lambda: objects.put(bytes(PART_BYTES + 1))  # which is looked for first
    yield "write", lambda: objects.delete(["0" * 64])


def test_a_bucket_that_is_missing_is_told_by_every_request(any_s3_server: S3Server) -> None:
    objects = S3Objects(bucket_of(any_s3_server, "no-such-bucket", keys=any_s3_server.keys))
    for _, ask in attempts(objects):
        with pytest.raises(StorageFailed, match=r"expected a bucket 'no-such-bucket' .* got none; make it"):
            ask()  # type: ignore[operator]


def test_a_key_that_is_wrong_is_told_by_every_request_and_never_shown(bucket: S3Bucket) -> None:
    for wrong in (replace(bucket, secret_key="not-the-secret"), replace(bucket, access_key="NOBODY")):
        objects = S3Objects(wrong)
        for _, ask in attempts(objects):
            with pytest.raises(StorageFailed, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as told:
                ask()  # type: ignore[operator]
            assert wrong.secret_key not in f"{told.value!r} {wrong!r}"


def test_a_right_that_is_lacking_is_told_by_every_request(any_s3_server: S3Server) -> None:
    objects = S3Objects(new_bucket(any_s3_server, keys=any_s3_server.stranger))
    for kind, ask in attempts(objects):
        expected = ReadOnly if kind == "write" else StorageFailed
        with pytest.raises(expected, match=f"expected the right to {kind}.*give it the rights"):
            ask()  # type: ignore[operator]


def test_a_clock_that_is_wrong_is_told(behind: S3Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.fail_next(Trouble.SKEWED)
    with pytest.raises(StorageFailed, match="set the clock of this machine"):
        S3Objects(behind).has("0" * 64)


def test_what_is_no_object_store_is_told(any_s3_server: S3Server, bucket: S3Bucket) -> None:
    with proxy_of("http://127.0.0.1:1") as nothing:
        objects = S3Objects(replace(bucket, endpoint=nothing.url, retrying=ONCE))
        with pytest.raises(ServiceDown, match="objects_endpoint"):
            objects.has("0" * 64)


def test_a_hundred_who_put_the_same_at_once_make_one_object(bucket: S3Bucket) -> None:
    data, ids, failed = os.urandom(50_000), list[str](), list[BaseException]()
    objects = S3Objects(replace(bucket, retrying=Retrying(attempts=10, first_pause_s=0.02)))
    together = threading.Barrier(100)

    def work() -> None:
        together.wait()
        try:
            ids.append(objects.put(data))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(ids) == set(objects.ids()) == {hashlib.sha256(data).hexdigest()}
    assert objects.get(ids[0]) == data


def test_a_large_object_goes_up_in_parts_and_only_once(behind: S3Bucket, proxy: Proxy) -> None:
    piece, n = os.urandom(1 << 20), 96
    objects = S3Objects(behind)
    object_id = objects.put(piece for _ in range(n))
    assert object_id == hashlib.sha256(piece * n).hexdigest()
    sizes = [one.size_bytes for one in proxy.seen if one.method == "PUT"]
    assert len(sizes) == n * len(piece) // PART_BYTES
    assert max(sizes) == PART_BYTES
    before = len(proxy.seen)
    objects.put(piece for _ in range(n))
    assert all(one.size_bytes == 0 for one in proxy.seen[before:])  # what is there is not sent again


def test_a_large_object_never_lies_in_memory_as_a_whole(bucket: S3Bucket) -> None:
    """In a process of its own, for what the libraries take is not told by Python."""
    size_mb = 160
    said = [bucket.endpoint, bucket.name, bucket.access_key, bucket.secret_key, str(size_mb)]
    run = subprocess.run([sys.executable, "-c", GROWING, *said], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < size_mb // 2


GROWING = """
import resource, sys
from lookalike.objects.s3 import S3Objects
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.streams import pieces_of

*said, size_mb = sys.argv[1:]
objects, n = S3Objects(S3Bucket(*said)), int(size_mb)
objects.put(b"begun")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with objects.open(objects.put(bytes([i]) * (1 << 20) for i in range(n))) as stream:
    assert sum(len(one) for one in pieces_of(stream)) == n << 20
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_parts_that_a_dead_process_left_are_swept_and_nothing_else(bucket: S3Bucket) -> None:
    objects, requests = S3Objects(bucket), S3Requests(bucket)
    object_id = objects.put(b"whole")
    key = bucket.key("objects/" + "1" * 64)
    begun = requests.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    where = {"Bucket": bucket.name, "Key": key, "UploadId": begun["UploadId"]}
    requests.client.upload_part(PartNumber=1, Body=b"half of it", **where)
    elsewhere = requests.client.create_multipart_upload(Bucket=bucket.name, Key="another/object")
    assert list(objects.ids()) == [object_id]
    assert objects.sweep(time.time() - 3_600) == []
    (left,) = objects.sweep(time.time() + 60, dry_run=True)
    assert (left.kind, left.name, left.size_bytes) == ("half-written", "1" * 64, len(b"half of it"))
    assert objects.sweep(time.time() + 60) == [left]
    assert objects.sweep(time.time() + 60) == []
    still = requests.client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [one["UploadId"] for one in still] == [elsewhere["UploadId"]]
    assert objects.get(object_id) == b"whole"


def test_what_came_for_an_upload_is_kept_without_its_bytes_being_sent_again(behind: S3Bucket, proxy: Proxy) -> None:
    uploads, objects = S3Uploads(behind.under("uploads")), S3Objects(behind.under("pets"))
    uploads.stage("0" * 32, b"a picture")
    data = uploads.read("0" * 32)
    proxy.seen.clear()
    object_id = objects.put(data)
    assert sum(one.size_bytes for one in proxy.seen) == 0
    uploads.discard("0" * 32)
    assert objects.get(object_id) == b"a picture"
    objects.delete([object_id])
    assert objects.put(data) == object_id  # what came is gone by now, so that they are sent
    assert objects.get(object_id) == b"a picture"


def test_what_came_for_an_upload_and_is_other_by_now_is_not_copied(bucket: S3Bucket) -> None:
    uploads, objects = S3Uploads(bucket), S3Objects(bucket)
    uploads.stage("0" * 32, b"a picture")
    data = uploads.read("0" * 32)
    S3Requests(bucket).put(bucket.key("staged/" + "0" * 32), b"another")  # by who has the store's own keys
    object_id = objects.put(data)
    assert objects.get(object_id) == b"a picture"


def test_nothing_is_asked_of_the_store_until_it_is_needed() -> None:
    pytest.importorskip("boto3", reason="the extra s3 is not installed")
    bucket = S3Bucket("http://127.0.0.1:1", "pictures", "key", "secret", retrying=QUICKLY)
    S3Objects(bucket)
    S3Uploads(bucket)
    put = S3Uploads(bucket).presign(
        "0" * 32, size_bytes=1, content_type="image/png", sha256="0" * 64, expires_at=time.time() + 60
    )
    assert put.url.startswith("http://127.0.0.1:1/pictures/staged/")


def test_what_somebody_else_has_put_beside_is_left_alone(bucket: S3Bucket) -> None:
    objects, requests = S3Objects(bucket), S3Requests(bucket)
    object_id = objects.put(b"a picture")
    for name in ("0", "a note.txt", "z" * 65, "0" * 63 + "/1"):
        requests.put(bucket.key(f"objects/{name}"), b"another's")
    assert list(objects.ids()) == [object_id]
    assert [one.name for one in objects.older(time.time() + 60)] == [object_id]


def test_what_the_environment_says_of_other_stores_does_not_hold(
    behind: S3Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"SESSION_TOKEN": "a-token", "ENDPOINT_URL": "http://127.0.0.1:9", "REGION": "eu-central-1"}
    for name, value in {**said, "SKIP_SIGNATURE": "true", "UNSIGNED_PAYLOAD": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    objects = S3Objects(behind)
    assert objects.put(b"a picture") == objects.put(b"a picture")
    objects.delete(list(objects.ids()))
    for seen in proxy.seen:
        assert "/us-east-1/s3/" in seen.headers["authorization"]
        assert seen.headers["x-amz-content-sha256"] != "UNSIGNED-PAYLOAD"
        assert "x-amz-security-token" not in seen.headers
