"""What a client does that knows nothing of Lookalike but a URL that it was given."""

from __future__ import annotations

import http.client
import re
import time
from calendar import timegm
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from lookalike.core.errors import UploadRefused
from lookalike.objects.presigning import PresignedPut
from lookalike.objects.receiving import already_uploaded
from lookalike.objects.uploads import DirectUploads

_CODE = re.compile(rb"<Code>(\w+)</Code>")


class Reply(NamedTuple):
    """What the store says.

    Attributes:
        status: of HTTP.
        code: of S3; '' for none.
    """

    status: int
    code: str


def send(url: str, headers: Mapping[str, str], data: bytes, *, method: str = "PUT") -> Reply:
    """Make a request; its length is that of the data, unless the headers say another."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=data, headers=dict(headers))
        answer = connection.getresponse()
        code = _CODE.search(answer.read())
        return Reply(answer.status, code.group(1).decode() if code else "")
    finally:
        connection.close()


def bring(uploads: DirectUploads, put: PresignedPut, data: bytes) -> None:
    """Bring bytes, and say in our words what the store said.

    Raises:
        UploadRefused, Conflict: as `Receiver` does for stores whose bytes come to the service.
    """
    reply = send(put.url, put.headers, data)
    if reply.status == 200:
        return
    upload_id = urlsplit(put.url).path.rpartition("/")[2]
    if reply.status == 412:
        if uploads.read(upload_id) != data:
            raise already_uploaded()
        return
    query = {name: values[0] for name, values in parse_qs(urlsplit(put.url).query).items()}
    begun_at = timegm(time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    if reply.status == 403 and time.time() >= begun_at + int(query["X-Amz-Expires"]):
        raise UploadRefused(str(reply), code="upload_expired")
    if reply.code == "SignatureDoesNotMatch" or not data:  # all else is sent as it was signed
        raise UploadRefused(str(reply), code="size_mismatch")
    if reply.status == 400:
        raise UploadRefused(str(reply), code="hash_mismatch")
    raise AssertionError(reply)
