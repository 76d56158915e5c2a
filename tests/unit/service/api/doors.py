"""Every way in which a picture comes to the service: sends one, and tells with which code it was refused, if it was."""

from __future__ import annotations

import contextlib
import json
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lookalike.service.housework import Housework
from tests.services import FIRST, Running, sha256, token, unit
from tests.storage import put_bytes
from tests.waiting import eventually

READER, WRITER = token("read"), token("write")
COLLECTION = f"/v1/collections/{FIRST}"
OVER = ("kept", "replaced", "quarantined", "stored", "failed", "expired")

Code = str | None
"""With which a picture was refused; None where it was used."""

Send = Callable[[bytes], Code | Callable[[], Code]]
"""Sends a picture and tells its code, or what waits for it where the worker has yet to look."""

Door = Callable[[Running], contextlib.AbstractContextManager[Send]]


def codes(send: Send, pictures: dict[str, bytes]) -> dict[str, Code]:
    """Send all, then wait for what is still to be told."""
    told = {name: send(data) for name, data in pictures.items()}
    return {name: code() if callable(code) else code for name, code in told.items()}


def refused(reply) -> Code:
    """The code of a problem, which is one of a picture that cannot be used."""
    if reply.status_code < 400:
        return None
    assert reply.status_code == 422, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["detail"]
    return str(reply.json()["code"])


def item(reply) -> dict:
    """The only one of a reply that has a result for each."""
    assert reply.status_code in (200, 202), reply.text
    (only,) = reply.json()["data"]
    assert only.get("detail") or not only.get("code")
    return dict(only)


@contextlib.contextmanager
def search(served: Running) -> Iterator[Send]:
    yield lambda data: refused(served.client.post(f"{COLLECTION}/search", files={"image": data}, headers=READER))


@contextlib.contextmanager
def search_with_opinion(served: Running) -> Iterator[Send]:
    pytest.importorskip("cv2", reason="needs OpenCV, the extra 'features'")
    query = {"query": json.dumps({"rerank": "local", "crop": [0, 0, 1, 1]})}
    yield lambda data: refused(
        served.client.post(f"{COLLECTION}/search", files={"image": data}, data=query, headers=READER)
    )


@contextlib.contextmanager
def search_by_url(served: Running) -> Iterator[Send]:
    """`image_url`, of a server on this machine."""
    with serving_bytes() as (url, content):

        def send(data: bytes) -> Code:
            content[:] = [data]
            return refused(served.client.post(f"{COLLECTION}/search", json={"image_url": url}, headers=READER))

        yield send


@contextlib.contextmanager
def embeddings(served: Running) -> Iterator[Send]:
    yield lambda data: item(served.client.post("/v1/embeddings", files={"image": data}, headers=READER)).get("code")


@contextlib.contextmanager
def images(served: Running) -> Iterator[Send]:
    yield lambda data: item(served.client.post(f"{COLLECTION}/images", files={"image": data}, headers=WRITER)).get(
        "code"
    )


@contextlib.contextmanager
def put(served: Running) -> Iterator[Send]:
    headers = {**WRITER, "Content-Type": "image/png"}
    yield lambda data: refused(served.client.put(f"{COLLECTION}/images/{sha256(data)}", content=data, headers=headers))


@contextlib.contextmanager
def queued(served: Running) -> Iterator[Send]:
    with working(served):

        def send(data: bytes) -> Code | Callable[[], Code]:
            reply = served.client.post(f"{COLLECTION}/images?mode=queued", files={"image": data}, headers=WRITER)
            only = item(reply)
            if only["status"] == "refused":
                return str(only["code"])
            return lambda: job_over(served, only["job_id"])["result"]["code"] or None

        yield send


@contextlib.contextmanager
def upload(served: Running) -> Iterator[Send]:
    with working(served):
        yield lambda data: uploaded(served, data, {})


@contextlib.contextmanager
def upload_with_vector(served: Running) -> Iterator[Send]:
    """Whatever was shown by the client's vector for a while is gone once the worker has looked."""
    with working(served):

        def send(data: bytes) -> Code | Callable[[], Code]:
            try:
                vector = served.service.collections.get(FIRST).embed(data)[0].tolist()
            except Exception:
                vector = unit(0)
            return uploaded(served, data, {"vector": vector, "model": served.model})

        yield send


@contextlib.contextmanager
def stream(served: Running) -> Iterator[Send]:
    with served.client.websocket_connect(f"{COLLECTION}/stream", headers=READER) as socket:
        assert socket.receive_json()["type"] == "ready"
        seq = 0

        def send(data: bytes) -> Code:
            nonlocal seq
            seq += 1
            socket.send_bytes(struct.pack("<IB3s", seq, 1, b"\0\0\0") + data)
            reply = socket.receive_json()
            assert reply["seq"] in (seq, None)
            return reply.get("code")

        yield send


def uploaded(served: Running, data: bytes, completion: dict) -> Code | Callable[[], Code]:
    """Asked for, put and completed, yet to be verified."""
    body = {"size_bytes": len(data), "content_type": "image/png", "sha256": sha256(data)}
    asked = served.client.post(f"{COLLECTION}/uploads", json=body, headers=WRITER)
    if asked.status_code != 201:
        return refused(asked)
    upload = asked.json()
    assert put_bytes(served.client, upload["put"], data).status_code == 200
    one = f"{COLLECTION}/uploads/{upload['id']}"
    code = refused(served.client.post(f"{one}/complete", json={"sha256": sha256(data), **completion}, headers=WRITER))
    if code is not None:
        assert served.client.get(one, headers=WRITER).json()["code"] == code
        return code
    return lambda: until(lambda: served.client.get(one, headers=WRITER).json(), lambda it: it["state"] in OVER)["code"]


def job_over(served: Running, job_id: str) -> dict:
    """A job once it has ended."""
    path = f"/v1/jobs/{job_id}"
    return until(lambda: served.client.get(path, headers=READER).json(), lambda job: job["state"] in ("done", "failed"))


def until(look: Callable[[], dict], is_over: Callable[[dict], bool]) -> dict:
    """What a look sees once it is over."""
    return eventually(lambda: state if is_over(state := look()) else {})


@contextlib.contextmanager
def working(served: Running) -> Iterator[None]:
    """While the service's worker works."""
    stop = threading.Event()
    housework = Housework(served.service)
    housework.start(stop)
    try:
        yield
    finally:
        stop.set()
        housework.join()


@contextlib.contextmanager
def serving_bytes() -> Iterator[tuple[str, list[bytes]]]:
    """An HTTP server, and the list whose only item it answers with."""
    content = [b""]

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content[0])))
            self.end_headers()
            self.wfile.write(content[0])

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/picture", content
        finally:
            server.shutdown()
            thread.join()


LOOKING: dict[str, Door] = {
    "search": search,
    "search with reranking": search_with_opinion,
    "search by url": search_by_url,
    "embeddings": embeddings,
    "stream": stream,
}
"""Those through which nothing is taken in."""

TAKING: dict[str, Door] = {
    "images": images,
    "put": put,
    "queued": queued,
    "upload": upload,
    "upload with vector": upload_with_vector,
}
"""Those through which pictures are taken in."""
