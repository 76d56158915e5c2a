"""Whether a bucket does what we need of it, looked at once, before anybody depends on it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from lookalike.core.errors import LookalikeError, Overloaded, ServiceDown, StorageFailed
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_errors import BucketFull, KeyMissing
from lookalike.objects.s3_requests import S3Requests
from lookalike.objects.s3_unsigned import Reply, ask_unsigned
from lookalike.storage.hosts import check_hosts

BROUGHT_WITH: Final = ("content-type", "if-none-match", "x-amz-checksum-sha256", "x-amz-content-sha256")
"""The headers that a page sends with a direct upload, besides those that a browser sends by itself."""

_FOLDER: Final = "checked"
_ALLOW: Final = f"allow PUT with the headers {', '.join(BROUGHT_WITH)} in the CORS rules of the bucket"


def check_bucket(
    bucket: S3Bucket, *, origins: Sequence[str] = (), public_endpoint: str = "", takes_pages: bool = False
) -> list[str]:
    """Write, find, read, list and delete a few bytes; then ask as a page's browser would. Nothing stays.

    Args:
        bucket: with the prefix below which all is kept.
        origins: of pages that upload straight to the store, such as `https://pets.example.org`.
        public_endpoint: where browsers find the store; '' where that is the bucket's own.
        takes_pages: whether pages upload straight to the store, these and perhaps others.
    Returns:
        a line for each thing that is to be set otherwise, and does not keep a service from working; also that the
        store does not answer now.
    Raises:
        MissingExtra: when the libraries are not installed.
        ServiceDown: when there is no such host.
        StorageFailed, ReadOnly: when there is no such bucket, the key may not do one of these, or no page at all may
            upload; says which.
    """
    check_hosts([urlsplit(bucket.endpoint).hostname or ""])
    requests = S3Requests(bucket)
    try:
        lines = _check_rights(requests)
        refused = [line for origin in origins for line in _check_origin(bucket, origin, public_endpoint)]
        if takes_pages and len(refused) == len(origins):
            _check_some_page(requests)
        return lines + refused + _check_public(requests)
    except (ServiceDown, Overloaded) as error:
        return [str(error)]


def check_answers(bucket: S3Bucket) -> None:
    """Ask whether something lies there, which nothing does.

    Raises:
        MissingExtra: when the libraries are not installed.
        ServiceDown, Overloaded: when the store does not answer.
        StorageFailed: when there is no such bucket, or the key may not read there.
    """
    S3Requests(bucket).find(bucket.key(_FOLDER))


def _check_rights(requests: S3Requests) -> list[str]:
    bucket = requests.bucket
    folder = bucket.key(_FOLDER)
    key = f"{folder}/{secrets.token_hex(8)}"
    requests.delete([key])  # of nothing: who may not delete would leave behind what comes next
    try:
        requests.put_new(key, b"checked")
    except BucketFull as error:
        return [str(error)]
    try:
        requests.find(key)
        requests.copy(key, key)
        next(iter(requests.keys(folder)), None)
        next(iter(requests.list_half_sent(folder)), None)
    finally:
        requests.delete([key])
    return []


def _check_origin(bucket: S3Bucket, origin: str, public_endpoint: str) -> list[str]:
    """Ask what a browser asks before it lets a page of that origin upload (a preflight, Fetch 4.8)."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(BROUGHT_WITH),
    }
    endpoint = public_endpoint or bucket.endpoint
    url = f"{endpoint.rstrip('/')}/{bucket.name}/{bucket.key('staged')}/{'0' * 32}"
    try:
        answer = ask_unsigned(bucket, "OPTIONS", url, headers=headers)
    except ServiceDown:
        if not public_endpoint:
            raise
        return [
            f"expected the object store at {endpoint} to answer the question of a browser, but it cannot be asked from "
            "here; look at `objects_public_endpoint`, unless browsers alone reach it"
        ]
    if answer.status < 300 and _allows(answer, origin):
        return []
    return [
        f"expected {bucket.place} to let pages of {origin} upload, got {answer.status} to the question of a browser at "
        f"{endpoint}; {_ALLOW}"
    ]


def _check_some_page(requests: S3Requests) -> None:
    """See that the bucket has rules for pages: whose own page has which address, only browsers know."""
    bucket = requests.bucket
    try:
        requests.ask_client("get_bucket_cors", Bucket=bucket.name)
    except KeyMissing as error:
        raise StorageFailed(
            f"expected {bucket.place} to let pages upload, as `flow` has them do, but it has no CORS rules; {_ALLOW}, "
            "or set `flow` to classic"
        ) from error
    except LookalikeError:  # a store that does not know of it, or a key that may not ask
        return


def _allows(answer: Reply, origin: str) -> bool:
    def list_of(name: str) -> set[str]:
        return {one.strip().lower() for one in (answer.headers.get(name) or "").split(",")}

    headers = list_of("Access-Control-Allow-Headers")
    return (
        bool(list_of("Access-Control-Allow-Origin") & {"*", origin.lower()})
        and bool(list_of("Access-Control-Allow-Methods") & {"*", "put"})
        and ("*" in headers or headers.issuperset(BROUGHT_WITH))
    )


def _check_public(requests: S3Requests) -> list[str]:
    """Who has a URL may say with the bytes that all may read them, where the store takes that from anybody."""
    bucket = requests.bucket
    try:
        told: dict[str, Any] = requests.ask_client("get_public_access_block", Bucket=bucket.name)
    except LookalikeError:  # a store that does not know of it, or a key that may not ask
        return []
    if told.get("PublicAccessBlockConfiguration", {}).get("IgnorePublicAcls"):
        return []
    return [
        f"expected {bucket.place} to ignore what uploads say of public access, got a bucket that heeds it; "
        "set IgnorePublicAcls in its public access block"
    ]
