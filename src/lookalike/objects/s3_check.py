"""Whether a bucket does what we need of it, looked at once, before anybody depends on it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from lookalike.core.errors import LookalikeError
from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_requests import S3Requests
from lookalike.objects.s3_unsigned import Reply, ask_unsigned

BROUGHT_WITH: Final = ("content-type", "if-none-match", "x-amz-checksum-sha256", "x-amz-content-sha256")
"""The headers that a page sends with a direct upload, besides those that a browser sends by itself."""

_FOLDER: Final = "checked"


def check_bucket(bucket: S3Bucket, *, origins: Sequence[str] = ()) -> list[str]:
    """Write, find, read, list and delete a few bytes; then ask as a page's browser would.

    Args:
        bucket: with the prefix below which all is kept.
        origins: of pages that upload straight to the store, such as `https://pets.example.org`.
    Returns:
        a line for each thing that is to be set otherwise, and does not keep a service from working.
    Raises:
        MissingExtra: when the libraries are not installed.
        ServiceDown, Overloaded: when the store does not answer.
        StorageFailed, ReadOnly: when there is no such bucket, or the key may not do one of these; says which.
    """
    requests = S3Requests(bucket)
    folder, name = bucket.key(_FOLDER), secrets.token_hex(8)
    key = f"{folder}/{name}"
    requests.put_new(key, b"checked")
    requests.find(key)
    requests.copy(key, key)
    next(iter(requests.keys(folder)), None)
    next(iter(requests.list_half_sent(folder)), None)
    requests.delete([key])
    lines = [line for origin in origins for line in _check_origin(bucket, origin)]
    return lines + _check_public(requests)


def _check_origin(bucket: S3Bucket, origin: str) -> list[str]:
    """Ask what a browser asks before it lets a page of that origin upload (a preflight, Fetch 4.8)."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": ",".join(BROUGHT_WITH),
    }
    url = f"{bucket.endpoint.rstrip('/')}/{bucket.name}/{bucket.key('staged')}/{'0' * 32}"
    answer = ask_unsigned(bucket, "OPTIONS", url, headers=headers)
    if answer.status < 300 and _allows(answer, origin):
        return []
    return [
        f"expected {bucket.place} to let pages of {origin} upload, got {answer.status} to the question of a browser; "
        f"allow PUT with the headers {', '.join(BROUGHT_WITH)} in the CORS rules of the bucket"
    ]


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
