"""What a client may try who was given a signed URL: none of it brings other bytes, elsewhere, later, or again."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from chain.ceph import CephServer
from chain.s3_server import S3Server
from lookalike.core.errors import BadInput, Conflict, UploadRefused
from lookalike.ledger.base import UploadState
from lookalike.objects.presigning import PresignedPut
from lookalike.objects.s3 import S3Objects
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_requests import S3Requests
from lookalike.objects.s3_uploads import LONGEST_S, S3Uploads
from lookalike.worker.uploads import sweep_uploads
from tests.servers.s3 import new_bucket
from tests.servers.s3_client import Reply, send
from tests.unit.worker.desk import DATA, SHA256, Desk

MINE, OTHERS = "0123456789abcdef" * 2, "f" * 32
BODY = b"the bytes of a picture"
DENIED = (400, 403)
REFUSED = (*DENIED, 404, 405, 411, 412, 501)
"""Also what a store has no words for."""


@pytest.fixture
def bucket(any_s3_server: S3Server) -> S3Bucket:
    """As the page on object storage says that one should be."""
    bucket = new_bucket(any_s3_server)
    if isinstance(any_s3_server, CephServer):
        nothing_public = {
            "BlockPublicAcls": False,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": False,
            "RestrictPublicBuckets": False,
        }
        S3Requests(bucket).client.put_public_access_block(
            Bucket=bucket.name, PublicAccessBlockConfiguration=nothing_public
        )
    return bucket


@pytest.fixture
def uploads(bucket: S3Bucket) -> S3Uploads:
    return S3Uploads(bucket)


def signed(uploads: S3Uploads, data: bytes = BODY, *, upload_id: str = MINE, lasts_s: float = 60) -> PresignedPut:
    return uploads.presign(
        upload_id,
        size_bytes=len(data),
        content_type="image/jpeg",
        sha256=hashlib.sha256(data).hexdigest(),
        expires_at=time.time() + lasts_s,
    )


def with_query(url: str, **changed: str | None) -> str:
    parts = urlsplit(url)
    query: dict[str, str | None] = {**dict(parse_qsl(parts.query)), **changed}
    return parts._replace(query=urlencode({name: one for name, one in query.items() if one is not None})).geturl()


def check_nothing_came(uploads: S3Uploads, upload_id: str = MINE) -> None:
    assert uploads.staged(upload_id) is None


def check_denied(reply: Reply, uploads: S3Uploads) -> None:
    assert reply.status in DENIED, reply
    check_nothing_came(uploads)


def test_the_url_is_good_for_what_was_announced(uploads: S3Uploads) -> None:
    put = signed(uploads)
    assert send(put.url, put.headers, BODY) == (200, "")
    assert uploads.read(MINE) == BODY


def test_another_key_than_the_signed_one_is_refused(uploads: S3Uploads) -> None:
    put = signed(uploads)
    for path in (put.url.replace(MINE, OTHERS), put.url.replace("/staged/", "/objects/")):
        check_denied(send(path, put.headers, BODY), uploads)
    check_nothing_came(uploads, OTHERS)


def test_another_bucket_is_refused(uploads: S3Uploads, bucket: S3Bucket, any_s3_server: S3Server) -> None:
    other = new_bucket(any_s3_server)
    put = signed(uploads)
    check_denied(send(put.url.replace(bucket.name, other.name), put.headers, BODY), uploads)
    check_nothing_came(S3Uploads(other))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
def test_another_method_is_refused(uploads: S3Uploads, method: str) -> None:
    uploads.stage(MINE, BODY)
    put = signed(uploads)
    assert send(put.url, put.headers, BODY if method == "POST" else b"", method=method).status in REFUSED
    assert uploads.read(MINE) == BODY


def test_another_type_is_refused(uploads: S3Uploads) -> None:
    put = signed(uploads)
    check_denied(send(put.url, {**put.headers, "Content-Type": "text/html"}, BODY), uploads)
    check_denied(
        send(put.url, {name: put.headers[name] for name in put.headers if name != "Content-Type"}, BODY), uploads
    )


@pytest.mark.parametrize("body", [BODY + b"x", BODY[:-1], b""], ids=["longer", "shorter", "empty"])
def test_a_body_of_another_length_is_refused(uploads: S3Uploads, body: bytes) -> None:
    put = signed(uploads)
    check_denied(send(put.url, put.headers, body), uploads)


def test_more_bytes_than_the_header_says_are_no_part_of_the_upload(uploads: S3Uploads) -> None:
    put = signed(uploads)
    send(put.url, {**put.headers, "Content-Length": str(len(BODY))}, BODY + b"and more")
    assert uploads.read(MINE) == BODY


def test_who_leaves_before_the_last_byte_leaves_nothing(uploads: S3Uploads) -> None:
    put = signed(uploads)
    parts = urlsplit(put.url)
    head = [f"PUT {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(BODY)}"]
    head += [f"{name}: {value}" for name, value in put.headers.items()]
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=10)) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + BODY[:-3])
        time.sleep(0.3)
    time.sleep(0.3)
    check_nothing_came(uploads)
    assert send(put.url, put.headers, BODY).status == 200


def test_other_bytes_of_the_same_length_are_refused_whatever_the_headers_say(uploads: S3Uploads) -> None:
    put, other = signed(uploads), BODY[::-1]
    checksum = base64.b64encode(hashlib.sha256(other).digest()).decode()
    own = {"x-amz-content-sha256": hashlib.sha256(other).hexdigest(), "x-amz-checksum-sha256": checksum}
    for changed in ({}, own, {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}):
        check_denied(send(put.url, {**put.headers, **changed}, other), uploads)
    for lacking in own:
        left = {name: value for name, value in put.headers.items() if name != lacking}
        check_denied(send(put.url, left, other), uploads)


def test_after_its_time_the_url_is_worth_nothing_also_where_a_longer_one_is_said(uploads: S3Uploads) -> None:
    put = signed(uploads, lasts_s=2.1)
    time.sleep(2.2)
    check_denied(send(put.url, put.headers, BODY), uploads)
    check_denied(send(with_query(put.url, **{"X-Amz-Expires": "9999"}), put.headers, BODY), uploads)
    later = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    check_denied(send(with_query(put.url, **{"X-Amz-Date": later}), put.headers, BODY), uploads)


def test_a_url_that_was_used_brings_nothing_any_more(uploads: S3Uploads) -> None:
    put = signed(uploads)
    assert send(put.url, put.headers, BODY).status == 200
    assert send(put.url, put.headers, BODY).status == 412
    assert uploads.read(MINE) == BODY


def test_what_came_is_replaced_by_nothing_not_even_by_another_url_for_it(uploads: S3Uploads) -> None:
    put, other = signed(uploads), b"other bytes"
    assert send(put.url, put.headers, BODY).status == 200
    again = signed(uploads, other)
    assert send(again.url, again.headers, other).status == 412
    unconditional = {name: value for name, value in again.headers.items() if name != "If-None-Match"}
    assert send(again.url, unconditional, other).status in DENIED
    assert send(again.url, {**unconditional, "If-None-Match": '"0"'}, other).status in REFUSED
    assert uploads.read(MINE) == BODY


@pytest.mark.parametrize(
    "changed",
    [
        {"acl": ""},
        {"uploads": ""},
        {"partNumber": "1", "uploadId": "x"},
        {"versionId": "null"},
        {"tagging": ""},
        {"X-Amz-SignedHeaders": "host"},
        {"X-Amz-Signature": "0" * 64},
        {"X-Amz-Signature": None},
        {"X-Amz-Algorithm": "AWS4-HMAC-SHA1"},
        {"X-Amz-Credential": "SOMEBODY/20200101/us-east-1/s3/aws4_request"},
        {"anything": "else"},
    ],
    ids=lambda changed: ",".join(changed),
)
def test_a_changed_query_is_refused(uploads: S3Uploads, changed: dict[str, str | None]) -> None:
    put = signed(uploads)
    reply = send(with_query(put.url, **changed), put.headers, BODY)
    assert reply.status in REFUSED, reply
    check_nothing_came(uploads)


@pytest.mark.parametrize(
    "extra",
    [
        {"x-amz-acl": "public-read"},
        {"x-amz-acl": "public-read-write"},
        {"x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
        {"x-amz-meta-owner": "somebody"},
        {"x-amz-tagging": "a=b"},
        {"x-amz-website-redirect-location": "http://example.org/"},
        {"Cache-Control": "public"},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_headers_that_nobody_signed_make_nothing_public(
    uploads: S3Uploads, bucket: S3Bucket, extra: dict[str, str]
) -> None:
    """Refused, or without effect: for strangers the bytes are not there."""
    put = signed(uploads)
    reply = send(put.url, {**put.headers, **extra}, BODY)
    assert reply.status in (200, *REFUSED), reply
    bare = urlsplit(put.url)._replace(query="").geturl()
    assert send(bare, {}, b"", method="GET").status in DENIED
    if reply.status == 200 and "grant" not in next(iter(extra)):  # who gives the right to others alone loses it
        assert uploads.read(MINE) == BODY
        object_id = S3Objects(bucket).put(uploads.read(MINE))
        kept = S3Requests(bucket).client.head_object(Bucket=bucket.name, Key=bucket.key(f"objects/{object_id}"))
        assert kept["Metadata"] == {}
    uploads.discard(MINE)
    check_nothing_came(uploads)


def test_what_others_keep_is_not_copied_into_an_upload(uploads: S3Uploads, bucket: S3Bucket) -> None:
    """Who knows the hash of a picture, and has not the picture, would get it so."""
    object_id = S3Objects(bucket).put(BODY)
    put = signed(uploads)
    source = quote(f"/{bucket.name}/{bucket.key('objects')}/{object_id}")
    for body in (b"", b"x" * len(BODY), BODY):
        reply = send(put.url, {**put.headers, "x-amz-copy-source": source}, body)
        assert reply.status in REFUSED, reply
        check_nothing_came(uploads)


def test_bytes_that_are_said_to_be_encoded_come_as_they_are_or_not_at_all(uploads: S3Uploads) -> None:
    put = signed(uploads)
    framed = b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    streaming = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
    said = [
        ({"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": "3"}, BODY),
        ({"Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(BODY)), **streaming}, framed),
        ({"Content-Encoding": "gzip"}, BODY),
    ]
    for extra, body in said:
        reply = send(put.url, {**put.headers, **extra}, body)
        assert reply.status == 200 or reply.status in REFUSED, reply
        if reply.status == 200:
            assert uploads.read(MINE) == BODY
            uploads.discard(MINE)
        check_nothing_came(uploads)


def test_a_body_without_a_length_is_refused_or_taken_as_it_was_announced(uploads: S3Uploads) -> None:
    put = signed(uploads)
    parts = urlsplit(put.url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request(
            "PUT",
            f"{parts.path}?{parts.query}",
            body=iter([BODY + b"x"]),
            headers=dict(put.headers),
            encode_chunked=True,
        )
        assert connection.getresponse().status in REFUSED
    check_nothing_came(uploads)


def test_no_url_holds_for_longer_than_the_store_lets_it(uploads: S3Uploads) -> None:
    for lasts_s in (LONGEST_S + 60, 0, -5):
        with pytest.raises(BadInput, match="a URL that holds for 1 s to 7 days"):
            signed(uploads, lasts_s=lasts_s)


@pytest.fixture
def desk(uploads: S3Uploads) -> Iterator[Desk]:
    """The service's part, with uploads that go to the store."""
    desk = Desk()
    desk.uploads = uploads
    yield desk
    desk.close()


def test_a_completion_that_is_repeated_gives_the_same_and_another_one_clashes(desk: Desk) -> None:
    upload_id = desk.ask(1)
    done = desk.complete(upload_id)
    assert desk.complete(upload_id) == done
    with pytest.raises(Conflict):
        desk.complete(upload_id, metadata={"label": "another"})
    desk.work()
    assert desk.complete(upload_id) == done
    assert desk.uploads.staged(upload_id) is None
    assert len(desk.collection) == 1


def test_what_is_completed_before_it_came_or_with_another_hash_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lookalike.objects.s3_uploads.refuses_others", lambda *_, **__: False)
    upload_id = desk.ask(1, bring=False)
    with pytest.raises(UploadRefused) as refused:
        desk.complete(upload_id)
    assert refused.value.code == "not_uploaded"
    desk.uploads.stage(upload_id, DATA[::-1])  # as a store would take it that checks no hashes
    with pytest.raises(UploadRefused) as refused:
        desk.complete(upload_id)
    assert refused.value.code == "hash_mismatch"
    with pytest.raises(UploadRefused) as refused:
        desk.complete(upload_id, sha256="0" * 64)
    assert refused.value.code == "hash_mismatch"
    assert len(desk.collection) == 0


def test_what_is_never_completed_is_let_go(desk: Desk) -> None:
    upload_id = desk.ask(1)
    assert sweep_uploads(desk.ledger, lambda _: desk.uploads, now=10.0**6) == 1
    assert desk.state(upload_id) is UploadState.EXPIRED
    assert desk.uploads.staged(upload_id) is None


def test_what_was_completed_is_found_with_its_own_bytes(desk: Desk) -> None:
    desk.complete(desk.ask(1))
    desk.work()
    assert desk.collection.get(SHA256).image.provisional is False
