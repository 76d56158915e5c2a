"""What direct uploads promise, over every store that presigns, and how the two that receive the bytes do that."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from lookalike.core.errors import BadInput, Conflict, LookalikeError, NotAllowed, UploadRefused
from lookalike.objects.base import Leftover, LeftoverKind
from lookalike.objects.local_uploads import LocalUploads
from lookalike.objects.memory import MemoryObjects
from lookalike.objects.memory_uploads import MemoryUploads
from lookalike.objects.presigning import PresignedPut, Presigning
from lookalike.objects.receiving import Receiver, Receiving
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_uploads import S3Uploads
from lookalike.objects.uploads import DirectUploads, StagedFacts
from tests.remote.object_server import ObjectServer
from tests.remote.uploads import RemoteUploads
from tests.servers import s3_client
from tests.servers.s3 import S3_SERVERS, new_bucket, s3_server_of

ID, OTHER = "0123456789abcdef" * 2, "f" * 32
DATA = b"the bytes of a picture"
EXPIRES_AT = 1_000.0

ReceivingUploads = LocalUploads | MemoryUploads
BringingUploads = RemoteUploads | S3Uploads
"""Stores to which clients bring bytes by themselves."""
Uploads = ReceivingUploads | BringingUploads
Make = Callable[..., Uploads]

RECEIVING = ["local", "memory"]


def made(kind: str, folder: Path, *, clock: Callable[[], float] = lambda: 0.0) -> Uploads:
    if kind == "local":
        return LocalUploads(folder / "uploads", secret=lambda: b"s" * 32, clock=clock)
    if kind == "memory":
        return MemoryUploads(clock=clock)
    server = ObjectServer(latency_s=0.0005, clock=clock, fault_rate=0.0 if kind == "remote" else 0.2, seed=5)
    return RemoteUploads(server, clock=clock)


def made_on_s3(bucket: S3Bucket, *, clock: Callable[[], float] = lambda: 0.0) -> S3Uploads:
    return S3Uploads(bucket, clock=clock)


@pytest.fixture(params=[*RECEIVING, "remote", "remote that fails", *S3_SERVERS])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param in S3_SERVERS:
        return partial(made_on_s3, new_bucket(s3_server_of(request, request.param)))
    return partial(made, request.param, tmp_path)


@pytest.fixture
def uploads(make: Make) -> Uploads:
    return make()


@pytest.fixture(params=RECEIVING)
def receiving(request: pytest.FixtureRequest, tmp_path: Path) -> Uploads:
    """One whose bytes come to the service itself."""
    return made(request.param, tmp_path)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def presigned(uploads: DirectUploads, data: bytes = DATA, **changed: Any) -> PresignedPut:
    announced = {
        "size_bytes": len(data),
        "content_type": "image/jpeg",
        "sha256": sha256(data),
        "expires_at": EXPIRES_AT,
    }
    return uploads.presign(changed.pop("upload_id", ID), **{**announced, **changed})


def received(uploads: ReceivingUploads, put: PresignedPut, *, size_bytes: int = len(DATA), **headers: str) -> Receiver:
    """What a server does with the beginning of a client's request."""
    parts = urlsplit(put.url)
    said = {**put.headers, "Content-Length": str(size_bytes), **headers}
    return uploads.receive(parts.path.rpartition("/")[2], query=dict(parse_qsl(parts.query)), headers=said)


def bring(uploads: Uploads, put: PresignedPut, data: bytes = DATA) -> None:
    if isinstance(uploads, RemoteUploads):
        uploads.bring(put, data)
        return
    if isinstance(uploads, S3Uploads):
        s3_client.bring(uploads, put, data)
        return
    receiver = received(uploads, put)
    for at in range(0, len(data), 5):
        receiver.write(data[at : at + 5])
    receiver.finish()


def test_bytes_that_were_announced_are_taken_and_come_back(uploads: Uploads) -> None:
    put = presigned(uploads)
    assert (put.method, put.expires_at, put.headers["Content-Type"]) == ("PUT", EXPIRES_AT, "image/jpeg")
    assert len(put.headers) == 1 or not isinstance(uploads, Receiving)
    assert uploads.staged(ID) is None
    bring(uploads, put)
    assert uploads.staged(ID) == StagedFacts(len(DATA), sha256(DATA))
    assert uploads.read(ID) == DATA
    assert uploads.staged(OTHER) is None


def test_nothing_is_there_before_all_bytes_are(receiving: ReceivingUploads) -> None:
    receiver = received(receiving, presigned(receiving))
    receiver.write(DATA)
    assert receiving.staged(ID) is None
    with pytest.raises(UploadRefused, match="PUT them first") as refused:
        receiving.read(ID)
    assert refused.value.code == "not_uploaded"
    receiver.finish()
    assert receiving.read(ID) == DATA


def test_discarding_is_idempotent(uploads: Uploads) -> None:
    bring(uploads, presigned(uploads))
    uploads.discard(OTHER)
    uploads.discard(ID)
    uploads.discard(ID)
    assert uploads.staged(ID) is None


def test_too_many_bytes_are_refused_with_the_first_one_too_many(receiving: ReceivingUploads) -> None:
    receiver = received(receiving, presigned(receiving))
    receiver.write(DATA)
    with pytest.raises(UploadRefused, match=f"expected {len(DATA)} bytes.*more") as refused:
        receiver.write(b"x")
    assert refused.value.code == "size_mismatch"
    receiver.abort()
    assert receiving.staged(ID) is None


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "size_mismatch"), (DATA[:-1], "size_mismatch"), (DATA[::-1], "hash_mismatch")]
)
def test_too_few_and_other_bytes_are_refused(uploads: Uploads, data: bytes, code: str) -> None:
    with pytest.raises(UploadRefused) as refused:
        bring(uploads, presigned(uploads), data)
    assert refused.value.code == code
    assert uploads.staged(ID) is None
    bring(uploads, presigned(uploads))
    assert uploads.read(ID) == DATA


def test_the_same_bytes_again_are_fine_and_others_clash(uploads: Uploads) -> None:
    put = presigned(uploads)
    bring(uploads, put)
    bring(uploads, put)
    other = DATA[::-1]
    codes = {"already_uploaded"} if isinstance(uploads, Receiving) else {"already_uploaded", "hash_mismatch"}
    for again in (put, presigned(uploads, other)):
        with pytest.raises((Conflict, UploadRefused)) as clash:
            bring(uploads, again, other)
        assert clash.value.code in codes
    assert uploads.read(ID) == DATA


def test_an_upload_is_received_once_at_a_time(receiving: ReceivingUploads) -> None:
    put = presigned(receiving)
    first = received(receiving, put)
    first.write(DATA[:3])
    for _ in range(2):
        with pytest.raises(Conflict) as clash:
            received(receiving, put)
        assert clash.value.code == "upload_running"
    first.write(DATA[3:])
    first.finish()
    assert receiving.read(ID) == DATA
    bring(receiving, put)

    left = received(receiving, presigned(receiving, upload_id=OTHER))
    left.abort()
    left.abort()
    bring(receiving, presigned(receiving, upload_id=OTHER))
    first.abort()  # long over: it takes nothing from anybody
    assert receiving.read(OTHER) == DATA


def test_who_goes_away_half_way_leaves_nothing(receiving: ReceivingUploads) -> None:
    def gone(receiver: Receiver) -> None:
        with receiver:
            receiver.write(DATA[:3])
            raise ConnectionError

    receiver = received(receiving, presigned(receiving))
    with pytest.raises(ConnectionError):
        gone(receiver)
    assert receiving.staged(ID) is None
    receiver.abort()


def test_after_its_time_a_url_is_worth_nothing(make: Make) -> None:
    now = [EXPIRES_AT - 3]
    uploads = make(clock=lambda: now[0])
    put = presigned(uploads)
    bring(uploads, put)
    now[0] = EXPIRES_AT
    if isinstance(uploads, S3Uploads):
        time.sleep(3.1)  # its server has a clock of its own
    with pytest.raises(UploadRefused) as refused:
        bring(uploads, put)
    assert refused.value.code == "upload_expired"


@pytest.mark.parametrize(
    "changed",
    [
        {"size": "23"},
        {"size": "022"},
        {"type": "text/html"},
        {"sha256": "0" * 64},
        {"expires": "9999.000"},
        {"expires": "nan"},
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "\ud800é\x00"},
        {"size": "22\nimage/jpeg", "type": ""},
    ],
)
def test_a_url_that_was_changed_is_worth_nothing(receiving: ReceivingUploads, changed: dict[str, str]) -> None:
    query = {**dict(parse_qsl(urlsplit(presigned(receiving).url).query)), **changed}
    with pytest.raises(NotAllowed):
        receiving.receive(ID, query=query, headers={"Content-Length": "22", "Content-Type": "image/jpeg"})


def test_the_url_of_one_upload_does_not_fit_another(receiving: ReceivingUploads) -> None:
    query = dict(parse_qsl(urlsplit(presigned(receiving).url).query))
    for wrong in (OTHER, ID.replace("0", "1")):
        with pytest.raises(NotAllowed):
            receiving.receive(wrong, query=query, headers={"Content-Length": "22", "Content-Type": "image/jpeg"})
    for name in query:
        with pytest.raises(NotAllowed):
            receiving.receive(ID, query={one: query[one] for one in query if one != name}, headers={})


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Length": "23"}, "size_mismatch"),
        ({"Content-Length": ""}, "size_mismatch"),
        ({"Content-Type": "text/html"}, "type_mismatch"),
        ({"Content-Type": "image/jpeg; charset=utf-8"}, "type_mismatch"),
    ],
)
def test_a_request_that_says_something_else_is_refused_before_its_bytes(
    receiving: ReceivingUploads, headers: dict[str, str], code: str
) -> None:
    with pytest.raises(UploadRefused) as refused:
        received(receiving, presigned(receiving), **headers)  # type: ignore[arg-type]  # texts alone
    assert refused.value.code == code


def test_a_request_without_a_length_is_refused_and_the_case_of_headers_does_not_matter(
    receiving: ReceivingUploads,
) -> None:
    query = dict(parse_qsl(urlsplit(presigned(receiving).url).query))
    with pytest.raises(UploadRefused, match="Content-Length"):
        receiving.receive(ID, query=query, headers={"content-type": "image/jpeg"})
    receiving.receive(ID, query=query, headers={"content-type": "image/jpeg", "CONTENT-LENGTH": "22"}).abort()


@pytest.mark.parametrize(
    "changed",
    [
        {"size_bytes": 0},
        {"size_bytes": -1},
        {"content_type": "jpeg"},
        {"content_type": "image/jpeg\r\nX-Evil: 1"},
        {"content_type": ""},
        {"sha256": "A" * 64},
        {"sha256": ""},
        {"expires_at": float("nan")},
        {"expires_at": float("inf")},
        {"owner": "a\ud800"},
        {"owner": "a\nb"},
    ],
)
def test_what_cannot_be_signed_is_refused(uploads: Uploads, changed: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        presigned(uploads, **changed)


@pytest.mark.parametrize(
    "bad_id", ["", "../../etc/passwd", "A" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n", "\ud800" * 32]
)
def test_what_is_no_id_is_refused_everywhere(uploads: Uploads, bad_id: str) -> None:
    asks: list[Callable[[], object]] = [
        lambda: presigned(uploads, upload_id=bad_id),
        lambda: uploads.stage(bad_id, DATA),
        lambda: uploads.staged(bad_id),
        lambda: uploads.read(bad_id),
        lambda: uploads.discard(bad_id),
        lambda: uploads.quarantine(bad_id, DATA),
        lambda: uploads.quarantined(bad_id),
    ]
    if isinstance(uploads, Receiving):
        asks.append(lambda: uploads.receive(bad_id, query={}, headers={}))
        asks.append(lambda: uploads.announced(bad_id, query={}, headers={}))
    for ask in asks:
        with pytest.raises(BadInput, match="32"):
            ask()


def test_what_a_store_can_do_is_told_by_what_it_has(uploads: Uploads) -> None:
    assert isinstance(uploads, Presigning)
    assert isinstance(uploads, Receiving) is not isinstance(uploads, BringingUploads)
    assert not isinstance(MemoryObjects(), Presigning)


def test_bytes_can_be_staged_on_a_clients_behalf(uploads: Uploads) -> None:
    uploads.stage(ID, DATA)
    uploads.stage(ID, DATA)
    assert uploads.read(ID) == DATA
    with pytest.raises(Conflict):
        uploads.stage(ID, b"other")
    assert uploads.read(ID) == DATA


def test_what_is_quarantined_is_kept_apart(uploads: Uploads) -> None:
    bring(uploads, presigned(uploads))
    assert uploads.quarantined(ID) is None
    uploads.quarantine(ID, DATA)
    uploads.quarantine(ID, DATA)
    assert uploads.staged(ID) is None
    assert uploads.quarantined(ID) == DATA
    uploads.discard(ID)
    assert uploads.quarantined(ID) == DATA


def test_old_bytes_for_which_nobody_waits_are_swept_away(make: Make) -> None:
    later = [0.0]
    uploads = make(clock=lambda: time.time() + later[0])
    for upload_id in (ID, OTHER):
        uploads.stage(upload_id, DATA)
    uploads.quarantine("a" * 32, DATA)
    assert uploads.sweep(lambda _: False) == []
    later[0] = 100_000.0
    gone = [Leftover(LeftoverKind.STAGED, ID, len(DATA))]
    assert uploads.sweep(lambda upload_id: upload_id == OTHER, dry_run=True) == gone
    assert uploads.read(ID) == DATA
    assert uploads.sweep(lambda upload_id: upload_id == OTHER) == gone
    assert (uploads.staged(ID), uploads.read(OTHER)) == (None, DATA)
    assert uploads.quarantined("a" * 32) == DATA


def test_bytes_of_which_nobody_knows_whether_they_are_wanted_are_kept_for_longer_than_any_upload_waits(
    make: Make,
) -> None:
    later = [0.0]
    uploads = make(clock=lambda: time.time() + later[0])
    uploads.stage(ID, DATA)
    later[0] = 39 * 86_400.0
    assert uploads.sweep(lambda _: None) == []
    later[0] = 41 * 86_400.0
    assert uploads.sweep(lambda _: True) == []
    assert [one.name for one in uploads.sweep(lambda _: None)] == [ID]


def test_what_was_quarantined_is_kept_for_thirty_days(make: Make) -> None:
    later = [0.0]
    uploads = make(clock=lambda: time.time() + later[0])
    uploads.quarantine(ID, DATA)
    later[0] = 29 * 86_400.0
    assert uploads.sweep(lambda _: False) == []
    later[0] = 31 * 86_400.0
    assert uploads.sweep(lambda _: True) == [Leftover(LeftoverKind.QUARANTINED, ID, len(DATA))]
    assert uploads.quarantined(ID) is None


def test_of_many_that_bring_the_same_at_once_one_succeeds_and_others_come_too_early(uploads: Uploads) -> None:
    put, failures = presigned(uploads), list[LookalikeError]()

    def work() -> None:
        try:
            bring(uploads, put)
        except LookalikeError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) < len(threads)
    assert {error.code for error in failures} <= {"upload_running"}
    assert uploads.read(ID) == DATA
