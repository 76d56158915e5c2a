"""Forms of pictures and a few fields: read piece by piece, refused as soon as they do not fit."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lookalike.service.api.bodies import media_type
from lookalike.service.api.spool import IN_MEMORY_BYTES, Spool
from lookalike.service.context import service_of
from lookalike.service.problems import InvalidBody, Malformed, TooLarge, UnsupportedMediaType
from lookalike.service.threads import Threads

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FILES = 100
MOST_FIELD_BYTES = 1_000_000
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture that came, as long as its request is answered.

    Attributes:
        name: as the client said it; for people.
        sha256: of its bytes.
        size_bytes: how many these are.
        spool: holds them,
        start: from here.
    """

    name: str
    sha256: str
    size_bytes: int
    spool: Spool
    start: int

    def read(self) -> bytes:
        """Its bytes; for threads.

        Raises:
            StorageFailed, ReadOnly: when they cannot be read.
        """
        return self.spool.read(self.start, self.size_bytes)

    async def data(self, threads: Threads) -> bytes:
        """The same, for the event loop; of those that lie on disk, no more are read at a time than there are threads.

        Raises:
            Overloaded: when too many wait for that.
        """
        return self.read() if self.spool.size_bytes <= IN_MEMORY_BYTES else await threads.run(self.read)


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read.

    Attributes:
        pictures: its parts named `image`.
        fields: its other parts.
        digest: SHA-256 of what was said, to tell a repeated request from another.
    """

    pictures: tuple[Picture, ...]
    fields: dict[str, str]
    digest: str


@asynccontextmanager
async def form_of(request: Request, *, fields: frozenset[str], max_image_bytes: int) -> AsyncIterator[Form]:
    """Read a form; its pictures can be read until the block ends.

    Args:
        request: whose body it is.
        fields: that there may be beside `image`.
        max_image_bytes: of one picture.
    Raises:
        UnsupportedMediaType, Malformed, TooLarge, InvalidBody: when it is none, or does not fit.
        StorageFailed, ReadOnly: when there is no room for it on the disk.
        Overloaded: when other requests hold too much already.
    """
    parts = _Parts(fields, max_image_bytes)
    parser = MultipartParser(_boundary(request), parts.callbacks())
    service = service_of(request)
    with Spool(service.files, service.spooled) as spool:
        try:
            async for chunk in request.stream():
                spool.expect(len(chunk))
                parser.write(chunk)
                await spool.write(parts.take())
        except FormParserError:
            raise Malformed(
                "the form cannot be read: expected multipart/form-data, got something else; let a library make "
                "it, or see the example at /docs"
            ) from None
        if not parts.is_complete:
            raise Malformed("the form cannot be read: it ends before its last boundary; send it again as a whole")
        await spool.flush()
        yield parts.form(spool)


def _boundary(request: Request) -> bytes:
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(
            f"expected multipart/form-data, got {media_type(request)[:80] or 'nothing'!r}"
            "; set the Content-Type header as a library for forms does"
        )
    try:
        _, parameters = parse_options_header(request.headers["content-type"])
    except ValueError:
        parameters = {}
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise UnsupportedMediaType("expected a form in UTF-8, got one in another charset; encode its texts anew")
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise Malformed(
            "the form cannot be read: expected a boundary of 1 to 200 characters in its Content-Type, got "
            f"{len(boundary)}; leave that header to a library"
        )
    return boundary


@dataclass(slots=True)
class _Part:
    name: str
    filename: str | None
    start: int = 0


class _Parts:
    """What the parser calls: takes the parts of one form, in order."""

    def __init__(self, fields: frozenset[str], max_image_bytes: int) -> None:
        self._known = fields
        self._max_image_bytes = max_image_bytes
        self._header_name = self._header_value = self._disposition = b""
        self._part = _Part("", None)
        self._hash = hashlib.sha256()
        self._size_bytes = 0
        self._total_bytes = 0
        self._taken: list[bytes] = []
        self._pictures: list[tuple[_Part, str, int]] = []
        self._fields: dict[str, bytearray] = {}
        self.is_complete = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_name_comes,
            "on_header_value": self._header_value_comes,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data_comes,
            "on_part_end": self._part_ends,
            "on_end": self._form_ends,
        }

    def take(self) -> bytes:
        """The pictures' bytes that have come since this was asked last."""
        data, self._taken = b"".join(self._taken), []
        return data

    def form(self, spool: Spool) -> Form:
        digest = hashlib.sha256()
        pictures = [
            Picture((part.filename or "")[:LONGEST_NAME], sha256, size_bytes, spool, part.start)
            for part, sha256, size_bytes in self._pictures
        ]
        for one in pictures:
            _add(digest, one.name, one.sha256)
        fields = {name: _text(data, where=name) for name, data in self._fields.items()}
        for name, text in sorted(fields.items()):
            _add(digest, name, text)
        return Form(tuple(pictures), fields, digest.hexdigest())

    def _part_begins(self) -> None:
        self._disposition = b""
        self._hash, self._size_bytes = hashlib.sha256(), 0

    def _header_name_comes(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_comes(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_end(self) -> None:
        try:
            _, options = parse_options_header(self._disposition)
        except ValueError:
            options = {}
        if b"name" not in options:
            raise Malformed(
                "the form cannot be read: a part has no name; let a library make it, or see the example at /docs"
            )
        filename = options.get(b"filename")
        name = _decode_name(options[b"name"])
        self._part = _Part(name, None if filename is None else _decode_name(filename), self._total_bytes)
        self._check_part()

    def _check_part(self) -> None:
        name, is_file = self._part.name, self._part.filename is not None
        if is_file and name != "image":
            raise InvalidBody(
                [{"where": name[:80], "detail": "expected files to be named `image`, got this one; rename the part"}]
            )
        if is_file and len(self._pictures) >= MOST_FILES:
            raise InvalidBody(
                [
                    {
                        "where": "image",
                        "detail": f"expected at most {MOST_FILES} pictures, got more; split them over several requests",
                    }
                ]
            )
        if not is_file and (name not in self._known or name in self._fields):
            raise InvalidBody(
                [
                    {
                        "where": name[:80],
                        "detail": f"expected each of {sorted(self._known)} once at most, got this one besides; "
                        "remove it, or "
                        "correct its name",
                    }
                ]
            )
        if not is_file:
            self._fields[name] = bytearray()

    def _data_comes(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        self._size_bytes += len(piece)
        if self._part.filename is None:
            if self._size_bytes > MOST_FIELD_BYTES:
                raise TooLarge(
                    f"expected at most {MOST_FIELD_BYTES} bytes in the field `{self._part.name}`, got more; shorten it",
                    values={"limit_bytes": MOST_FIELD_BYTES},
                )
            self._fields[self._part.name] += piece
            return
        if self._size_bytes > self._max_image_bytes:
            raise TooLarge(
                f"expected at most {self._max_image_bytes} bytes in each picture, got more; scale it down, or "
                "save it as a JPEG",
                values={"limit_bytes": self._max_image_bytes},
            )
        self._hash.update(piece)
        self._total_bytes += len(piece)
        self._taken.append(piece)

    def _part_ends(self) -> None:
        if self._part.filename is not None:
            self._pictures.append((self._part, self._hash.hexdigest(), self._size_bytes))

    def _form_ends(self) -> None:
        self.is_complete = True


def _decode_name(name: bytes) -> str:
    """A name as the client said it; bytes that are no UTF-8 become U+FFFD."""
    return name.decode("utf-8", "replace")


def _text(data: bytearray, *, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidBody(
            [{"where": where, "detail": "expected UTF-8, got other bytes; encode the text anew"}]
        ) from None


def _add(digest: hashlib._Hash, *texts: str) -> None:
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
