"""EXIF: three facts, and nothing that hostile bytes can break."""

from __future__ import annotations

import random

import pytest
from PIL import Image

from lookalike.images.decode import decode
from lookalike.images.exif import NO_EXIF, ExifFacts, read_exif
from tests.unit.images.pictures import encoded, scene


def exif_block(*, make: str = "Canon", model: str = "Canon EOS 5D", taken: str = "2021:07:30 18:05:59") -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = make, model, 6
    exif.get_ifd(0x8769)[0x9003] = taken
    return exif.tobytes()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_date_and_camera_are_read_from_every_format_that_carries_them(name: str) -> None:
    exif = Image.Exif()
    exif.load(exif_block())

    decoded = decode(encoded(scene(), name, exif=exif))

    assert (decoded.taken_at, decoded.camera) == ("2021-07-30T18:05:59", "Canon EOS 5D")


def test_maker_and_model_are_joined_and_cleaned() -> None:
    assert read_exif(exif_block(make=" NIKON  CORP ", model="E\x01 995")).camera == "NIKON CORP E 995"
    assert read_exif(exif_block(make="", model="")).camera is None


@pytest.mark.parametrize(
    "taken", ["0000:00:00 00:00:00", "2021:13:01 00:00:00", "yesterday", "", "    :  :     :  :  "]
)
def test_an_impossible_date_is_no_date(taken: str) -> None:
    assert read_exif(exif_block(taken=taken)).taken_at is None


def test_nothing_is_known_without_exif() -> None:
    assert read_exif(None) == read_exif(b"") == read_exif(b"Exif\x00\x00") == read_exif(b"rubbish" * 9) == NO_EXIF


def test_an_orientation_out_of_range_counts_as_upright() -> None:
    for orientation in (0, 9, 255, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert read_exif(exif.tobytes()).orientation == 1


def test_hostile_exif_never_raises() -> None:
    chance = random.Random(5)
    block = exif_block()
    for _ in range(3_000):
        mutant = bytearray(block)
        for _flip in range(chance.randint(1, 6)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        facts = read_exif(bytes(mutant[: chance.randint(0, len(mutant))]))
        assert isinstance(facts, ExifFacts)
        assert 1 <= facts.orientation <= 8


def test_a_picture_with_hostile_exif_is_still_a_picture() -> None:
    for exif in (
        b"Exif\x00\x00",
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
    ):
        assert decode(encoded(scene(), "JPEG", exif=exif)).camera is None
