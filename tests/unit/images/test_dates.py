"""Dates in the forms that occur, wherever a picture keeps them, and none where there is none."""

from __future__ import annotations

import random
import struct
from datetime import datetime

import pytest
from PIL import Image, PngImagePlugin

from lookalike.images.dates import date_in_iptc, date_in_xmp, read_date
from lookalike.images.decode import decode
from lookalike.images.glance import glance
from tests.unit.images.pictures import encoded, scene

EXIF_DIRECTORY, GPS_DIRECTORY = 0x8769, 0x8825
ORIGINAL, DIGITISED, CHANGED = 0x9003, 0x9004, 0x0132


@pytest.mark.parametrize(
    "text",
    [
        "2024:05:01 12:30:45",
        "2024:05:01 12:30:45\0",
        "  2024:05:01  12:30:45 ",
        "2024-05-01 12:30:45",
        "2024-05-01T12:30:45",
        "2024-05-01T12:30:45Z",
        "2024-05-01T12:30:45+02:00",
        "2024-05-01T12:30:45.123-0700",
        "2024:05:01 12:30:45.99",
        "2024/05/01 12:30:45",
        "2024.05.01 12:30:45",
        "2024:5:1 12:30:45",
        "20240501T123045",
        "20240501T123045+0200",
        "Wed, 01 May 2024 12:30:45 +0000",
    ],
)
def test_sloppy_forms_are_read(text: str) -> None:
    assert read_date(text) == "2024-05-01T12:30:45"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024:05:01", "2024-05-01T00:00:00"),
        ("2024-05-01 12:30", "2024-05-01T12:30:00"),
        ("2024-05", "2024-05-01T00:00:00"),
        ("1985", "1985-01-01T00:00:00"),
        ("1970-01-01", "1970-01-01T00:00:00"),
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59"),
        ("2023:12:31 24:00:00", "2024-01-01T00:00:00"),
        ("2024:05:01 12:30:45 AM", "2024-05-01T00:30:45"),
        ("2024:05:01 12:30:45 pm", "2024-05-01T12:30:45"),
        ("2024/05/01 9:05 PM", "2024-05-01T21:05:00"),
        ("2024:05:01 21:05:00 PM", "2024-05-01T21:05:00"),
    ],
)
def test_what_is_not_said_begins_what_is(text: str, date: str) -> None:
    assert read_date(text) == date


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "1970:01:01 00:00:00",
        "1980:01:01 00:00:00",
        "1601:01:01 00:00:00",
        "1800-05-01",
        "9999:12:31 23:59:59",
        f"{datetime.now().year + 3}:05:01 12:00:00",
        "2023:02:29 12:00:00",
        "2024:13:01 12:00:00",
        "2024:05:01 25:00:00",
        "2024:05:01 24:00:01",
        "9999:12:31 24:00:00",
        "yesterday",
        "12:30:45",
        "2024:05:01 12:30:45" * 9,
        "１２３４:05:01",
    ],
)
def test_nonsense_is_no_date(text: str) -> None:
    assert read_date(text) is None


def exif_with(*, main: dict[int, str] | None = None, details: dict[int, str] | None = None, gps: str = "") -> bytes:
    exif = Image.Exif()
    exif.update(main or {})
    if details:
        exif.get_ifd(EXIF_DIRECTORY).update(details)
    if gps:
        exif.get_ifd(GPS_DIRECTORY)[0x1D] = gps
    return exif.tobytes()


FIRST, SECOND = "2024:05:01 12:00:00", "2020:01:02 03:04:05"


@pytest.mark.parametrize(
    "exif",
    [
        exif_with(details={ORIGINAL: FIRST, DIGITISED: SECOND}, main={CHANGED: SECOND}),
        exif_with(details={DIGITISED: FIRST}, main={CHANGED: SECOND}),
        exif_with(details={ORIGINAL: "0000:00:00 00:00:00", DIGITISED: FIRST}),
        exif_with(main={CHANGED: FIRST}),
        exif_with(main={ORIGINAL: FIRST, CHANGED: SECOND}),
        exif_with(details={CHANGED: FIRST}),
        exif_with(main={CHANGED: FIRST}, gps="2020:01:02"),
    ],
    ids=["original", "digitised", "original empty", "changed", "misplaced", "misplaced change", "change before gps"],
)
def test_exif_has_its_usual_fallbacks(exif: bytes) -> None:
    data = encoded(scene(), "JPEG", exif=exif)

    assert decode(data).taken_at == glance(data).taken_at == "2024-05-01T12:00:00"


def test_the_day_of_the_satellites_is_the_last_resort() -> None:
    assert decode(encoded(scene(), "JPEG", exif=exif_with(gps="2024:05:01"))).taken_at == "2024-05-01T00:00:00"


def xmp(inside: str) -> bytes:
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF>{inside}</rdf:RDF></x:xmpmeta>".encode()


PACKETS = {
    "element": xmp("<photoshop:DateCreated>2024-05-01T12:00:00+02:00</photoshop:DateCreated>"),
    "attribute": xmp('<rdf:Description xmp:CreateDate="2024-05-01T12:00:00"/>'),
    "original first": xmp("<a xmp:CreateDate='2020-01-01' exif:DateTimeOriginal='2024-05-01T12:00:00'/>"),
    "nonsense first": xmp("<exif:DateTimeOriginal>0000</exif:DateTimeOriginal><a xmp:CreateDate='2024-05-01T12:00'/>"),
    "in lines": xmp("<exif:DateTimeOriginal>\n  2024-05-01T12:00:00\n</exif:DateTimeOriginal>"),
}


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_is_read_in_every_format_that_carries_it(name: str, packet: bytes) -> None:
    options = {"xmp": packet}
    if name == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode())
        options = {"pnginfo": info}
    elif name == "TIFF":
        options = {"tiffinfo": {700: packet}}

    assert decode(encoded(scene(), name, **options)).taken_at == "2024-05-01T12:00:00"


def test_what_exif_says_of_the_original_goes_before_xmp_and_a_change_after() -> None:
    packet = PACKETS["element"]

    for exif in (exif_with(details={ORIGINAL: FIRST}), exif_with(main={CHANGED: SECOND})):
        assert decode(encoded(scene(), "JPEG", exif=exif, xmp=packet)).taken_at == "2024-05-01T12:00:00"


def iptc(day: str, time: str = "") -> bytes:
    fields = [(55, day)] + ([(60, time)] if time else [])
    return b"".join(b"\x1c\x02" + struct.pack(">BH", tag, len(text)) + text.encode() for tag, text in fields)


def test_iptc_is_read() -> None:
    records = iptc("20240501", "120000+0200")
    block = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", len(records)) + records
    jpeg = encoded(scene(), "JPEG")
    data = jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]

    assert decode(data).taken_at == "2024-05-01T12:00:00"
    assert date_in_iptc(iptc("20240501")) == "2024-05-01T00:00:00"
    assert date_in_iptc(iptc("00000000", "120000")) is None


@pytest.mark.parametrize("text", ["2024:05:01 12:00:00", "Wed, 01 May 2024 12:00:00 GMT", "2024-05-01T12:00:00Z"])
def test_the_creation_time_of_a_png_is_read(text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Creation Time", text)

    assert decode(encoded(scene(), "PNG", pnginfo=info)).taken_at == "2024-05-01T12:00:00"


def test_hostile_notes_never_raise_and_take_no_time() -> None:
    chance = random.Random(7)
    for _ in range(300):
        packet = bytearray(PACKETS["element"] + iptc("20240501"))
        for _flip in range(9):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        date_in_xmp(bytes(packet))
        date_in_iptc(bytes(packet))
    for hostile in (b":DateCreated" * 40_000, b":CreateDate=" + b" " * 500_000, b"\x1c\x02\x37\x00\x00" * 100_000):
        assert date_in_xmp(hostile) is None
        assert date_in_iptc(hostile) is None
