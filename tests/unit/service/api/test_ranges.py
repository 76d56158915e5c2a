"""A range of a picture's file over HTTP."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException

from lookalike.service.api.ranges import ByteRange, parse_range
from tests.collections import png
from tests.services import Running, sha256, token
from tests.unit.service.api.doors import COLLECTION

N = 100
READER, WRITER = token("read"), token("read", "write")


@pytest.mark.parametrize(
    ("asked", "first", "size_bytes"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 10),
        ("bytes=90-", 90, 10),
        ("bytes=90-500", 90, 10),
        ("bytes=-10", 90, 10),
        ("bytes=-500", 0, 100),
        ("bytes=0-", 0, 100),
        ("BYTES = 5 - 6 ", 5, 2),
    ],
)
def test_a_range_is_understood(asked: str, first: int, size_bytes: int) -> None:
    found = parse_range({"range": asked}, etag='"a"', total_bytes=N)
    assert found == ByteRange(first, size_bytes)
    assert found.content_range(N) == f"bytes {first}-{first + size_bytes - 1}/100"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes=-",
        "bytes=1-2,5-6",
        "bytes=9-3",
        "lines=1-2",
        "bytes=a-b",
        "bytes=1",
        "bytes=\u0661-",
        f"bytes={'9' * 30}-",
    ],
)
def test_what_is_not_understood_is_answered_with_all(asked: str) -> None:
    assert parse_range({"range": asked}, etag='"a"', total_bytes=N) is None


def test_a_range_of_another_version_is_answered_with_all() -> None:
    assert parse_range({"range": "bytes=1-2", "if-range": '"b"'}, etag='"a"', total_bytes=N) is None
    assert parse_range({"range": "bytes=1-2", "if-range": '"a"'}, etag='"a"', total_bytes=N) == ByteRange(1, 2)


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_told(asked: str) -> None:
    with pytest.raises(HTTPException) as raised:
        parse_range({"range": asked}, etag='"a"', total_bytes=N)
    assert raised.value.status_code == 416
    assert dict(raised.value.headers or {}) == {"Content-Range": "bytes */100"}


def test_the_ranges_of_a_kept_picture_make_up_the_whole(served: Running) -> None:
    data = png(77)
    url = f"{COLLECTION}/images/{sha256(data)}/file"
    served.client.put(
        f"{COLLECTION}/images/{sha256(data)}", content=data, headers={**WRITER, "Content-Type": "image/png"}
    )

    whole = served.client.get(url, headers=READER)
    parts = [
        served.client.get(
            url, headers={**READER, "Range": f"bytes={first}-{first + 49}", "If-Range": whole.headers["etag"]}
        )
        for first in range(0, len(data), 50)
    ]

    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, data, "bytes")
    assert {part.status_code for part in parts} == {206}
    assert b"".join(part.content for part in parts) == data
    assert parts[0].headers["content-range"] == f"bytes 0-49/{len(data)}"
    assert parts[0].headers["content-length"] == "50"
    assert parts[0].headers["content-type"] == "image/png"
    assert parts[0].headers["etag"] == whole.headers["etag"]


def test_a_range_behind_the_end_is_a_problem(served: Running) -> None:
    reply = served.client.get(f"{COLLECTION}/images/{served.ids[0]}/file", headers={**READER, "Range": "bytes=999999-"})
    body = reply.json()
    assert (reply.status_code, body["code"], body["values"]) == (416, "http_error", {"status": 416})
    assert body["title"] == "Range Not Satisfiable"
    assert body["detail"].startswith("expected a range within the ")
    assert body["detail"].endswith("leave Range out to have it as a whole")
    assert reply.headers["content-range"].startswith("bytes */")
