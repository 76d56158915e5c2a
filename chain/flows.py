"""What a client does in each of the two flows, and how many bytes of it go through the service."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import numpy as np

from lookalike.core.vectors import Vectors

ANSWERS_WITHIN_S = 60.0
NEARLY_ITSELF = 0.99
"""A picture that is asked for by its own vector is this near to it at least, whoever computed that."""


class Photo(NamedTuple):
    """A picture that is uploaded.

    Attributes:
        name: of its file.
        data: the file.
        vector: shape (D,), float32, of length 1: what a browser computes of it.
    """

    name: str
    data: bytes
    vector: Vectors

    @property
    def id(self) -> str:
        """The SHA-256 of its bytes."""
        return hashlib.sha256(self.data).hexdigest()


class Refused(Exception):
    """The service answered with an error.

    Attributes:
        status: of the reply.
    """

    def __init__(self, said: str, *, status: int) -> None:
        super().__init__(said)
        self.status = status


class Api:
    """Speaks to a service over one connection, and counts the bytes. Used by one thread.

    Args:
        url: of the service.
    """

    def __init__(self, url: str) -> None:
        self.bytes_through = 0
        self._host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=ANSWERS_WITHIN_S)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A request, and the JSON of its reply.

        Raises:
            Refused: when the reply is an error.
            OSError, http.client.HTTPException: when no reply came.
        """
        said = {"Host": self._host, "Content-Length": str(len(body or b"")), **(headers or {})}
        try:
            self._connection.request(method, path, body=body or b"", headers=said)
            reply = self._connection.getresponse()
            data = reply.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()  # the next call connects anew
            raise
        self.bytes_through += _size(method, path, said) + len(body or b"")
        self.bytes_through += _size("HTTP/1.1", str(reply.status), dict(reply.getheaders())) + len(data)
        if reply.status >= 400:
            text = data[:400].decode(errors="replace")
            raise Refused(f"{method} {path}: {reply.status} {text}", status=reply.status)
        return dict(json.loads(data)) if data else {}

    def call_json(self, method: str, path: str, body: Mapping[str, Any], *, once: str = "") -> dict[str, Any]:
        """As `call`, with a body of JSON; `once` is the key by which it is done once, however often it is sent."""
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": once} if once else {})}
        return self.call(method, path, json.dumps(body).encode(), headers)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Flow(Protocol):
    """How a picture comes into a collection."""

    name: str

    def upload(self, photo: Photo, api: Api, *, collection: str, once: str) -> None:
        """Returns when it is acknowledged.

        Args:
            photo: the picture.
            api: of the service.
            collection: name of it.
            once: a word of this upload's own: the same again, where no answer came.
        Raises:
            Refused, OSError, http.client.HTTPException: as `Api.call`.
        """
        ...


class ClassicFlow:
    """The bytes go through the service; a worker embeds them."""

    name = "classic"

    def upload(self, photo: Photo, api: Api, *, collection: str, once: str) -> None:
        """See `Flow`."""
        reply = self.queue(photo, api, collection=collection, once=once)
        if reply["data"][0]["status"] == "refused":
            raise Refused(json.dumps(reply["data"][0]), status=422)

    def queue(self, photo: Photo, api: Api, *, collection: str, once: str) -> dict[str, Any]:
        """The reply to the same."""
        boundary = f"boundary-{once}"  # the same body whenever it is sent, by which the service knows it again
        head = f'Content-Disposition: form-data; name="image"; filename="{photo.name}"\r\nContent-Type: image/jpeg'
        body = f"--{boundary}\r\n{head}\r\n\r\n".encode() + photo.data + f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": once,
        }
        return api.call("POST", f"/v1/collections/{collection}/images?mode=queued", body, headers)


class DirectFlow:
    """The client computes the vector, and puts the bytes straight into storage."""

    name = "direct"

    def __init__(self, *, model_id: str) -> None:
        self._model_id = model_id

    def upload(self, photo: Photo, api: Api, *, collection: str, once: str) -> None:
        """See `Flow`."""
        begun = self.begin(photo, api, collection=collection, once=f"{once}-begin")
        self.complete(photo, begun, api, collection=collection, once=f"{once}-complete")

    def begin(self, photo: Photo, api: Api, *, collection: str, once: str) -> dict[str, Any]:
        """Ask where to put the bytes."""
        said = {"size_bytes": len(photo.data), "content_type": "image/jpeg", "sha256": photo.id, "name": photo.name}
        return api.call_json("POST", f"/v1/collections/{collection}/uploads", said, once=once)

    def complete(
        self, photo: Photo, begun: Mapping[str, Any], api: Api, *, collection: str, once: str
    ) -> dict[str, Any]:
        """Put them there, and say so; the reply to that."""
        _put(begun["put"], photo.data, api)
        vector = base64.b64encode(np.asarray(photo.vector, "<f2").tobytes()).decode()
        return api.call_json(
            "POST",
            f"/v1/collections/{collection}/uploads/{begun['id']}/complete",
            {"sha256": photo.id, "vector": f"float16:{vector}", "model": self._model_id},
            once=once,
        )


def is_searchable(photo: Photo, api: Api, *, collection: str, model_id: str) -> bool:
    """Whether a search by its own vector finds it first, or beside what has the same vector."""
    vector = base64.b64encode(np.asarray(photo.vector, "<f4").tobytes()).decode()
    reply = api.call_json(
        "POST", f"/v1/collections/{collection}/search", {"vector": vector, "model": model_id, "k": 10}
    )
    return any(hit["id"] == photo.id and hit["similarity"] >= NEARLY_ITSELF for hit in reply["hits"])


def wait_searchable(photo: Photo, api: Api, *, collection: str, model_id: str, within_s: float) -> None:
    """Ask until it is.

    Raises:
        TimeoutError: when it is not by then.
    """
    until = time.monotonic() + within_s
    while not is_searchable(photo, api, collection=collection, model_id=model_id):
        if time.monotonic() > until:
            raise TimeoutError(f"{photo.name} was to be searchable within {within_s:g} s, but is not")
        time.sleep(0.02)


def _put(put: Mapping[str, Any], data: bytes, api: Api) -> None:
    """Into storage; through the service only where that is the storage."""
    parts = urlsplit(put["url"])
    if not parts.netloc:
        api.call(put["method"], put["url"], data, put["headers"])
        return
    connection = http.client.HTTPConnection(parts.netloc, timeout=ANSWERS_WITHIN_S)
    try:
        connection.request(put["method"], f"{parts.path}?{parts.query}", body=data, headers=dict(put["headers"]))
        reply = connection.getresponse()
        answer = reply.read()
        if reply.status >= 400 and reply.status != http.client.PRECONDITION_FAILED:  # then it is there already
            said = answer[:400].decode(errors="replace")
            raise Refused(f"PUT into storage: {reply.status} {said}", status=reply.status)
    finally:
        connection.close()


def _size(first: str, second: str, headers: Mapping[str, str]) -> int:
    """Of a head, nearly."""
    return len(first) + len(second) + 12 + sum(len(name) + len(value) + 4 for name, value in headers.items())
