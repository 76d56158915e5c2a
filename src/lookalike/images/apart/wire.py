"""What goes between a process and those that decode for it: a head in JSON, then bytes.

Nothing is unpickled: a picture that takes its decoder over is to gain nothing here.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any, NamedTuple

import numpy as np

from lookalike.core.errors import ImageRefused
from lookalike.images.decode import DecodedImage
from lookalike.images.limits import ImageLimits

_LENGTHS = struct.Struct("<IQ")
_LONGEST_HEAD = 1_000_000


class BadReply(Exception):
    """What came is no message of ours: the process that sent it is not to be trusted any more."""


class Message(NamedTuple):
    """A head and what belongs to it."""

    head: Mapping[str, Any]
    body: bytes | bytearray = b""


class Request(NamedTuple):
    """A picture to be decoded; arguments as of `lookalike.images.decode.decode`."""

    data: bytes
    min_side: int | None
    limits: ImageLimits


def write_message(stream: IO[bytes], message: Message) -> None:
    """Send one.

    Raises:
        OSError: when nobody reads any more.
    """
    head = json.dumps(message.head).encode()
    stream.write(_LENGTHS.pack(len(head), len(message.body)))
    stream.write(head)
    stream.write(message.body)
    stream.flush()


def read_message(stream: IO[bytes], *, most_bytes: int) -> Message | None:
    """The next one; None where whoever sends has ended.

    Args:
        stream: to read from.
        most_bytes: that its body may have.
    Raises:
        BadReply: when what comes is none.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if head_bytes > _LONGEST_HEAD or body_bytes > most_bytes:
        raise BadReply(f"a head of {head_bytes} bytes and a body of {body_bytes}")
    head = stream.read(head_bytes)
    body = bytearray(body_bytes)
    if len(head) < head_bytes or stream.readinto(body) < body_bytes:  # type: ignore[attr-defined]
        return None
    try:
        said = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise BadReply("a head that is no JSON") from error
    if not isinstance(said, dict):
        raise BadReply("a head that is no object")
    return Message(said, body)


def request_message(request: Request) -> Message:
    """As it is sent."""
    return Message({"min_side": request.min_side, "limits": asdict(request.limits)}, request.data)


def read_request(message: Message) -> Request:
    """As it was sent."""
    return Request(bytes(message.body), message.head["min_side"], ImageLimits(**message.head["limits"]))


def image_message(image: DecodedImage) -> Message:
    """A picture that was decoded."""
    facts = {"width": image.width, "height": image.height, "format": image.format, "taken_at": image.taken_at}
    more = {"camera": image.camera, "lacks_its_end": image.lacks_its_end, "shape": image.pixels.shape}
    return Message(facts | more, image.pixels.tobytes())


def refusal_message(error: ImageRefused) -> Message:
    """One that is refused."""
    return Message({"refused": str(error), "code": error.code, "values": dict(error.values)})


def read_image(message: Message) -> DecodedImage:
    """The picture of a reply.

    Raises:
        ImageRefused: when that was the reply.
        BadReply: when it makes no sense.
    """
    head = message.head
    try:
        if "refused" in head:
            raise ImageRefused(str(head["refused"]), code=str(head["code"]), values=dict(head["values"]))
        height, width, channels = head["shape"]
        pixels = np.frombuffer(message.body, np.uint8).reshape(height, width, channels)
        if channels != 3 or not pixels.size:
            raise BadReply(f"pixels of shape {pixels.shape}")
        return DecodedImage(
            pixels=pixels,
            width=int(head["width"]),
            height=int(head["height"]),
            format=str(head["format"]),
            taken_at=None if head["taken_at"] is None else str(head["taken_at"]),
            camera=None if head["camera"] is None else str(head["camera"]),
            lacks_its_end=bool(head["lacks_its_end"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadReply(f"what was decoded does not fit together: {error}") from error
