"""What a store answers for is completed without being read; what it does not answer for is read and hashed."""

from __future__ import annotations

import hashlib
import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chain.s3_server import S3Server
from chain.server import free_port
from lookalike.core.errors import UploadRefused
from lookalike.images.glance import glance, glance_early
from lookalike.objects import s3_proving
from lookalike.objects.presigning import PresignedPut
from lookalike.objects.s3 import S3Objects
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_proving import refuses_others
from lookalike.objects.s3_requests import S3Requests
from lookalike.objects.s3_stream import ProvenInBucket
from lookalike.objects.s3_uploads import S3Uploads
from lookalike.parts.parts import Parts
from lookalike.uploads.direct_upload import add_provisional, check_upload
from tests.collections import D, new_parts
from tests.servers.s3 import new_bucket
from tests.servers.s3_client import send

MINE = "0123456789abcdef" * 2


def photo(kind: str = "jpeg", **options: Any) -> bytes:
    """Of more bytes than are looked at."""
    noise = np.random.default_rng(3).integers(0, 256, (400, 600, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


PHOTO = photo()
SHA256 = hashlib.sha256(PHOTO).hexdigest()


@pytest.fixture
def bucket(any_s3_server: S3Server) -> S3Bucket:
    return new_bucket(any_s3_server)


@pytest.fixture
def uploads(bucket: S3Bucket) -> S3Uploads:
    return S3Uploads(bucket)


def put_of(uploads: S3Uploads, data: bytes) -> PresignedPut:
    return uploads.presign(
        MINE,
        size_bytes=len(data),
        content_type="image/jpeg",
        sha256=hashlib.sha256(data).hexdigest(),
        expires_at=time.time() + 60,
    )


def bring(uploads: S3Uploads, data: bytes) -> None:
    put = put_of(uploads, data)
    assert send(put.url, put.headers, data).status == 200


def take_in(uploads: S3Uploads, parts: Parts, data: bytes) -> ProvenInBucket:
    sha256 = hashlib.sha256(data).hexdigest()
    proven = uploads.proven(MINE, sha256=sha256)
    assert proven is not None
    vector = np.eye(D, dtype=np.float32)[0]
    model = parts.embedder.card.id
    checked = check_upload(proven, parts, size_bytes=len(data), sha256=sha256, vector=vector, model=model)
    assert add_provisional(checked, parts, metadata={})
    return proven


@pytest.fixture
def read_keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of what is read to its end."""
    read: list[str] = []
    before = S3Requests.read

    def note(requests: S3Requests, key: str, *, first: int = 0) -> Any:
        read.append(key)
        return before(requests, key, first=first)

    monkeypatch.setattr(S3Requests, "read", note)
    return read


def found_to_refuse(bucket: S3Bucket, uploads: S3Uploads) -> bool:
    return refuses_others(bucket, uploads, now=time.time())


def answer(monkeypatch: pytest.MonkeyPatch, *statuses: int) -> None:
    """What the store says next, to the wrong bytes and to the right ones."""
    answers = iter(statuses)
    monkeypatch.setattr(s3_proving, "_send", lambda *_: next(answers))


def test_a_store_that_refuses_other_bytes_is_found_to(bucket: S3Bucket, uploads: S3Uploads) -> None:
    assert found_to_refuse(bucket, uploads)
    assert list(S3Requests(bucket).keys(bucket.key("staged"))) == []


@pytest.mark.parametrize(
    "statuses", [(200, 412), (200, 200), (403, 403)], ids=["takes wrong", "takes all", "takes none"]
)
def test_a_store_is_not_trusted_that_takes_other_bytes_or_refuses_the_right_ones(
    bucket: S3Bucket, uploads: S3Uploads, monkeypatch: pytest.MonkeyPatch, statuses: tuple[int, int]
) -> None:
    answer(monkeypatch, *statuses)  # once only: it is not asked again
    assert not found_to_refuse(bucket, uploads)
    bring(uploads, PHOTO)
    assert uploads.proven(MINE, sha256=SHA256) is None


@pytest.mark.parametrize("statuses", [(500, 200), (400, 503), (429, 200)])
def test_a_store_that_was_not_well_is_not_trusted_then_and_is_tried_again(
    bucket: S3Bucket, uploads: S3Uploads, monkeypatch: pytest.MonkeyPatch, statuses: tuple[int, int]
) -> None:
    with monkeypatch.context() as patch:
        answer(patch, *statuses)
        assert not found_to_refuse(bucket, uploads)
    assert found_to_refuse(bucket, uploads)


def test_a_photo_is_taken_in_by_its_beginning_and_kept_whole(
    uploads: S3Uploads, bucket: S3Bucket, read_keys: list[str]
) -> None:
    parts = new_parts(objects_of=lambda _: S3Objects(bucket))
    bring(uploads, PHOTO)
    take_in(uploads, parts, PHOTO)
    assert read_keys == []
    stored = parts.catalog.images([SHA256])[SHA256]
    assert (stored.width, stored.height, stored.format, stored.size_bytes) == (600, 400, "jpeg", len(PHOTO))
    assert parts.objects.get(SHA256) == PHOTO


def test_what_its_beginning_does_not_tell_is_read(uploads: S3Uploads, bucket: S3Bucket, read_keys: list[str]) -> None:
    data = photo("png")
    parts = new_parts(objects_of=lambda _: S3Objects(bucket))
    bring(uploads, data)
    take_in(uploads, parts, data)
    assert len(read_keys) == 1
    assert parts.objects.get(hashlib.sha256(data).hexdigest()) == data


def test_what_lies_elsewhere_than_the_objects_is_sent_and_hashed(uploads: S3Uploads) -> None:
    parts = new_parts()  # its objects are in memory
    bring(uploads, PHOTO)
    take_in(uploads, parts, PHOTO)
    assert parts.objects.get(SHA256) == PHOTO


def test_urls_are_signed_for_the_store_as_clients_reach_it(bucket: S3Bucket) -> None:
    public = bucket.endpoint.replace("127.0.0.1", "localhost")
    assert public != bucket.endpoint
    uploads = S3Uploads(bucket, public_endpoint=public)
    assert put_of(uploads, PHOTO).url.startswith(f"{public}/")
    bring(uploads, PHOTO)
    assert uploads.read(MINE) == PHOTO
    assert uploads.proven(MINE, sha256=SHA256) is not None


def test_a_store_that_only_clients_reach_by_its_public_address_is_tried_by_our_own(bucket: S3Bucket) -> None:
    S3Uploads(bucket).stage(MINE, PHOTO)
    nobody = S3Uploads(bucket, public_endpoint=f"http://127.0.0.1:{free_port()}")
    assert nobody.proven(MINE, sha256=SHA256) is not None


def test_what_did_not_come_is_told(uploads: S3Uploads) -> None:
    with pytest.raises(UploadRefused) as refused:
        uploads.proven(MINE, sha256=SHA256)
    assert refused.value.code == "not_uploaded"


@pytest.mark.parametrize("progressive", [False, True])
def test_the_beginning_says_what_the_whole_does_or_nothing(progressive: bool) -> None:
    data = photo(progressive=progressive)
    early = glance_early(data[: 1 << 16], size_bytes=len(data))
    assert early == (None if progressive else glance(data))  # the scans of a progressive one are counted to its end


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "bmp", "tiff"])
@pytest.mark.parametrize("length", [0, 2, 10, 100, 700, 5_000, 1 << 16])
def test_no_beginning_of_any_format_says_other_than_the_whole(kind: str, length: int) -> None:
    exif = Image.Exif()
    exif[0x0132], exif[0x0112] = "2021:05:04 03:02:01", 6
    data = photo(kind, **({"exif": exif} if kind in ("jpeg", "png", "webp") else {}))
    assert glance_early(data[:length], size_bytes=len(data)) in (None, glance(data))


def test_what_comes_before_the_photo_and_is_longer_than_the_beginning_has_it_read(
    uploads: S3Uploads, bucket: S3Bucket, read_keys: list[str]
) -> None:
    segment = b"\xff\xe4\xff\xff" + bytes(65_533)
    data = PHOTO[:2] + 2 * segment + PHOTO[2:]
    parts = new_parts(objects_of=lambda _: S3Objects(bucket))
    bring(uploads, data)
    take_in(uploads, parts, data)
    assert len(read_keys) == 1
    assert parts.catalog.images([hashlib.sha256(data).hexdigest()])[hashlib.sha256(data).hexdigest()].width == 600
