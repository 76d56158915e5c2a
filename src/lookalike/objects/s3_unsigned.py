"""Requests that no key of ours signs: such as a client with a URL makes, or a browser for a page."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple
from urllib.parse import urlsplit

from lookalike.objects.s3_bucket import S3Bucket
from lookalike.objects.s3_errors import translating


class Reply(NamedTuple):
    """What a store answered, without the body.

    Attributes:
        status: of HTTP.
        headers: by name, whose case does not matter.
    """

    status: int
    headers: Message


def ask_unsigned(bucket: S3Bucket, method: str, url: str, *, headers: Mapping[str, str], data: bytes = b"") -> Reply:
    """Ask once.

    Args:
        bucket: that is asked, for its patience.
        method: of HTTP.
        url: of its store, with the signature that it may have.
        headers: to send.
        data: the body.
    Returns:
        what the store answered, whatever it was.
    Raises:
        ServiceDown: when it does not answer.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=bucket.timeout_s)
    try:
        with translating(bucket):
            connection.request(method, f"{parts.path}?{parts.query}", body=data or None, headers=dict(headers))
            answer = connection.getresponse()
            answer.read()
            return Reply(answer.status, answer.headers)
    finally:
        connection.close()
