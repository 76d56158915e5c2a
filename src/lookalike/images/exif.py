"""The facts of EXIF that Lookalike uses, read without trusting a single byte of it.

EXIF 2.32, section 4.6: a TIFF structure of directories with entries of twelve bytes.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from lookalike.images.dates import read_date

_ORIENTATION, _MAKE, _MODEL, _EXIF_DIRECTORY, _GPS_DIRECTORY = 0x0112, 0x010F, 0x0110, 0x8769, 0x8825
_DATE_TIME, _DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED, _GPS_DATE = 0x0132, 0x9003, 0x9004, 0x001D
_BYTES, _ASCII, _SHORT, _LONG, _UNDEFINED, _UTF_8 = 1, 2, 3, 4, 7, 129
_TEXTS = frozenset({_BYTES, _ASCII, _UNDEFINED, _UTF_8})  # only the second is right, and the others occur
_MOST_ENTRIES = 512
_LONGEST_TEXT = 64


class ExifFacts(NamedTuple):
    """What a picture's EXIF tells.

    Attributes:
        orientation: 1 to 8; 1 where it is missing or nonsense.
        taken_at: `YYYY-MM-DDTHH:MM:SS` in the camera's own time, or None: of the original, else of its digital form.
        changed_at: likewise, of the last change of the file or, in UTC, of the last fix by satellite.
        camera: maker and model, or None.
    """

    orientation: int = 1
    taken_at: str | None = None
    camera: str | None = None
    changed_at: str | None = None


NO_EXIF = ExifFacts()


class _Entry(NamedTuple):
    kind: int
    length: int
    value: bytes


def read_exif(exif: bytes | None) -> ExifFacts:
    """Read the facts from an EXIF block, or from a whole TIFF file.

    Never raises: what cannot be understood is as if it were not there.

    Args:
        exif: starting with the byte order, or with `Exif` and two zeros before it; None where there is none.
    """
    if not exif:
        return NO_EXIF
    tiff = exif[6:] if exif.startswith(b"Exif\x00\x00") else exif
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(bytes(tiff[:4]))
    if order is None or len(tiff) < 8:
        return NO_EXIF
    main = _directory(tiff, at=_read_unsigned(tiff[4:8], order), order=order)
    details = _directory(tiff, at=_number(main.get(_EXIF_DIRECTORY), order), order=order)
    gps = _directory(tiff, at=_number(main.get(_GPS_DIRECTORY), order), order=order)

    def date(tag: int, *directories: dict[int, _Entry]) -> str | None:
        found = (read_date(_text(directory.get(tag), tiff, order)) for directory in directories)
        return next((one for one in found if one is not None), None)

    orientation = _number(main.get(_ORIENTATION), order)
    return ExifFacts(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        taken_at=date(_DATE_TIME_ORIGINAL, details, main) or date(_DATE_TIME_DIGITIZED, details, main),
        changed_at=date(_DATE_TIME, main, details) or date(_GPS_DATE, gps),
        camera=_camera(_text(main.get(_MAKE), tiff, order), _text(main.get(_MODEL), tiff, order)),
    )


def _directory(tiff: bytes, *, at: int, order: str) -> dict[int, _Entry]:
    """The entries of the directory at an offset; those that lie beyond the end are left out."""
    if not 8 <= at <= len(tiff) - 2:
        return {}
    entries: dict[int, _Entry] = {}
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    last = min(count, _MOST_ENTRIES, (len(tiff) - at - 2) // 12)
    for tag, kind, length, value in struct.iter_unpack(f"{order}HHI4s", tiff[at + 2 : at + 2 + 12 * last]):
        entries.setdefault(tag, _Entry(kind, length, value))
    return entries


def _read_unsigned(field: bytes, order: str) -> int:
    return int.from_bytes(field, "little" if order == "<" else "big")


def _number(entry: _Entry | None, order: str) -> int:
    if entry is None or entry.length != 1 or entry.kind not in (_SHORT, _LONG):
        return 0
    return _read_unsigned(entry.value[: 2 if entry.kind == _SHORT else 4], order)


def _text(entry: _Entry | None, tiff: bytes, order: str) -> str:
    if entry is None or entry.kind not in _TEXTS:
        return ""
    length = min(entry.length, _LONGEST_TEXT)
    at = _read_unsigned(entry.value, order)
    field = entry.value[:length] if entry.length <= 4 else tiff[at : at + length]
    letters = field.split(b"\x00", 1)[0].decode("utf-8", "replace")
    printable = (letter if letter.isprintable() and letter != "\ufffd" else " " for letter in letters)
    return " ".join("".join(printable).split())


def _camera(make: str, model: str) -> str | None:
    """Maker and model; the maker once where the model starts with it, as in `Canon` and `Canon EOS 5D`."""
    first_word = make.split(" ", 1)[0].lower()
    repeats = bool(first_word) and model.lower().startswith(first_word)
    return (model if repeats else f"{make} {model}".strip()) or None
