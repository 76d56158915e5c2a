"""Forms that are too much, half there, or not what they say; each is a problem, and what came of them is let go."""

from __future__ import annotations

import os
import select
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from lookalike.service.api import spool
from tests.collections import png
from tests.connections import Address, connected, head_of, request, status
from tests.services import FIRST, Running, listening, running, token
from tests.unit.service.api.doors import COLLECTION, READER, WRITER

FORM = {"Content-Type": "multipart/form-data; boundary=x"}
END = b"--x--\r\n"
MB = 1_000_000


def part(name: str, data: bytes = b"1", *, filename: str | None = None) -> bytes:
    also = f'; filename="{filename}"' if filename is not None else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{also}\r\n\r\n'.encode() + data + b"\r\n"


def picture(data: bytes | None = None) -> bytes:
    return part("image", png(0) if data is None else data, filename="a.png")


def endless(head: bytes, count: int = 1_000) -> Iterator[bytes]:
    """A gigabyte that is never there whole."""
    yield head
    for _ in range(count):
        yield bytes(MB)
    yield b"\r\n" + END


def post(served: Running, path: str, content: bytes, **headers: str):
    return served.client.post(path, content=content, headers={**WRITER, **FORM, **headers})


DOORS = (f"{COLLECTION}/search", f"{COLLECTION}/images", f"{COLLECTION}/images?mode=queued", "/v1/embeddings")


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (END, (400, 422)),
        (b"", (400,)),
        (b"--x", (400,)),
        (part("metadata", b"{}") + END, (422,)),
        (part("photo", png(0), filename="a") + END, (422,)),
        (part("image", png(0)) + END, (422,)),
        (part("", png(0), filename="a") + END, (422,)),
        (part("__proto__") + picture() + END, (422,)),
        (part("query") + part("query") + picture() + END, (422,)),
        (part("metadata") + part("metadata") + picture() + END, (422,)),
        (b"--x\r\n\r\n" + png(0) + b"\r\n" + END, (400,)),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END, (400,)),
        (b"--x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n1\r\n" + END, (400,)),
        (b"--x\r\nContent-Disposition: " + b"a" * 100_000 + b"\r\n\r\n1\r\n" + END, (400,)),
        (b"\0" * 1_000, (400,)),
        (b"\r\n" * 100_000, (400,)),
        (picture() * 10_000 + END, (422,)),
        (part("a") * 10_000 + END, (422,)),
        (picture(b"") * 101 + END, (422,)),
    ],
    ids=range(19),
)
def test_a_form_that_does_not_fit_is_a_problem(
    served: Running, path: str, content: bytes, statuses: tuple[int, ...]
) -> None:
    reply = post(served, path, content)

    assert reply.status_code in statuses, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert len(reply.content) < 2_000


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("tail", [b"", b"--x", b"--x\r\n", b"--x-", picture()[:60], picture()[:-20]])
def test_a_form_that_ends_too_early_is_refused_whole(served: Running, path: str, tail: bytes) -> None:
    reply = post(served, path, picture(png(800)) + tail)

    assert (reply.status_code, reply.json()["code"]) == (400, "malformed")
    assert len(served.service.collections.get(FIRST)) == 6


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary="', 400),
        (f"multipart/form-data; boundary={'b' * 5_000}", 400),
        ("multipart/form-data; boundary=y", 400),
        ("multipart/form-data; boundary=\xff", 400),
        ("multipart/form-data;;;", 400),
        ("multipart/form-data; boundary=x; charset=utf-16", 415),
        ("multipart/form-data; boundary=x; charset=utf-7", 415),
        ("multipart/form-data; boundary=x; charset=punycode", 415),
        ("multipart/form-data; boundary=x; charset=unicode_escape", 415),
        ("multipart/form-data; boundary=x; charset=\xff", 415),
        ("multipart/mixed; boundary=x", 415),
        ("image/png", 415),
    ],
)
def test_a_content_type_that_is_no_form_is_a_problem(served: Running, kind: str, status: int) -> None:
    headers = {**WRITER, "Content-Type": kind.encode("latin-1")}

    reply = served.client.post(f"{COLLECTION}/images", content=picture() + END, headers=headers)  # type: ignore[arg-type]

    assert reply.status_code == status, reply.text


def test_of_two_content_types_only_one_counts_for_all(served: Running) -> None:
    headers = [*WRITER.items(), ("Content-Type", "application/json"), ("Content-Type", FORM["Content-Type"])]

    reply = served.client.post(f"{COLLECTION}/images", content=picture() + END, headers=headers)

    assert reply.status_code in (400, 415)


def test_text_is_utf_8(served: Running) -> None:
    odd = part("metadata", b'{"a": "\xff"}')

    assert post(served, f"{COLLECTION}/images", picture() + odd + END).status_code == 422
    assert post(served, f"{COLLECTION}/search", picture() + part("query", b"\xff") + END).status_code == 422
    named = b'--x\r\nContent-Disposition: form-data; name="image"; filename="\xff\xfe"\r\n\r\n' + png(0) + b"\r\n"
    assert post(served, f"{COLLECTION}/images", named + END).json()["data"][0]["name"] == "\ufffd\ufffd"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with listening(tmp_path_factory.mktemp("forms"), max_body_bytes=2_000 * MB, upload_max_bytes=5 * MB) as (url, _, _):
        yield url


@pytest.mark.parametrize(
    "head",
    [
        part("metadata")[:-3],
        part("query")[:-3],
        picture()[:-2],
        picture() * 3 + picture()[:-2],
    ],
    ids=["metadata", "query", "picture", "later picture"],
)
@pytest.mark.parametrize("path", DOORS)
def test_a_gigabyte_is_refused_as_soon_as_it_is_too_much(url: str, path: str, head: bytes) -> None:
    tracemalloc.start()
    try:
        status, sent = sent_until_answered(url, path, endless(head))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert status in (413, 422)
    assert sent < 100 * MB
    assert peak_bytes < 40 * MB


def sent_until_answered(url: str, path: str, content: Iterator[bytes]) -> tuple[int, int]:
    """The status of the reply, and how many bytes of the body were sent before it came."""
    headers = {**WRITER, **FORM, "Content-Length": str(1_500 * MB)}
    head = request("POST", path, *(f"{name}: {value}" for name, value in headers.items()))
    sent = 0
    with connected(Address.of(url), head) as connection:
        with suppress(ConnectionError):  # the reply is there, and the connection is ended
            for chunk in content:
                if select.select([connection], [], [], 0)[0]:
                    break
                connection.sendall(chunk)
                sent += len(chunk)
        return status(head_of(connection)), sent


def test_a_picture_that_is_put_is_no_larger_either(url: str) -> None:
    headers = {**WRITER, "Content-Type": "image/png"}
    reply = httpx2.put(f"{url}{COLLECTION}/images/{'0' * 64}", content=endless(b""), headers=headers, timeout=60)

    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


def deleted_files_kept_open() -> set[str]:
    """What this process has open and no folder names any more, as files are in which pictures wait."""
    kept = set()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            where = os.readlink(f"/proc/self/fd/{fd}")
            if where.endswith(" (deleted)"):
                kept.add(where)
    return kept


def test_pictures_that_wait_on_disk_are_used_as_they_came_and_the_file_is_gone(tmp_path: Path) -> None:
    data = [png(n) + bytes(spool.IN_MEMORY_BYTES) for n in range(810, 815)]  # what follows a picture is ignored
    with running(tmp_path) as served:
        before = deleted_files_kept_open()
        added = served.client.post(f"{COLLECTION}/images", files=[("image", one) for one in data], headers=WRITER)
        again = served.client.post(f"{COLLECTION}/images", files=[("image", one) for one in data], headers=WRITER)
        found = served.client.post(f"{COLLECTION}/search", files={"image": data[3]}, headers=READER).json()["hits"]
        ids = [one["id"] for one in added.json()["data"]]
        kept = served.client.get(f"{COLLECTION}/images/{ids[3]}/file", headers=READER).content

        assert [one["status"] for one in added.json()["data"]] == ["added"] * 5
        assert [one["status"] for one in again.json()["data"]] == ["unchanged"] * 5
        assert found[0]["id"] == ids[3]
        assert kept == data[3]
        assert deleted_files_kept_open() <= before


def test_a_hundred_pictures_are_embedded_however_few_may_wait(tmp_path: Path) -> None:
    with running(tmp_path, embed_waiting=1, embed_threads=1) as served:
        files = [("image", png(n)) for n in range(100)]

        reply = served.client.post("/v1/embeddings", files=files, headers=READER)

    assert reply.status_code == 200
    assert len(reply.json()["data"]) == 100
    assert all(one["vector"] for one in reply.json()["data"])


def test_of_two_forms_under_one_key_the_same_gets_the_same_and_another_none(served: Running) -> None:
    headers = {"Idempotency-Key": "k", **token("write")}
    ask = f"{COLLECTION}/images"

    first = post(served, ask, picture(png(820)) + END, **headers)
    again = post(served, ask, picture(png(820)) + END, **headers)
    other = post(served, ask, picture(png(821)) + END, **headers)
    labelled = post(served, ask, picture(png(820)) + part("metadata", b'{"a":1}') + END, **headers)

    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert {other.json()["code"], labelled.json()["code"]} == {"idempotency_mismatch"}
