"""Broken, cut, lengthened and mutated pictures: refused with a code, or decoded; never anything else."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from lookalike.core.errors import ImageRefused
from lookalike.images.decode import decode
from lookalike.images.refusals import RefusalCode
from tests.unit.images.mutations import mutants
from tests.unit.images.pictures import encoded, every_kind, scene

KINDS = every_kind()
CODES = {code.value for code in RefusalCode}
MUTANTS = 800


def refused_as(data: bytes) -> str:
    with pytest.raises(ImageRefused) as refused:
        decode(data)
    return refused.value.code


def outcome(data: bytes) -> str:
    try:
        return "decoded" if decode(data).pixels.flags["C_CONTIGUOUS"] else "not contiguous"
    except ImageRefused as error:
        return error.code


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_picture_that_lacks_its_last_third_is_refused(kind: str) -> None:
    data = KINDS[kind]
    animated = kind == "gif-animated" or kind.startswith("tiff")  # what is missing may lie behind the first frame
    if animated:
        data = data[: len(data) // 4]
    assert refused_as(data[: 2 * len(data) // 3]) in {"truncated", "damaged"}


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "jpeg-grey", "jpeg-cmyk", "png", "png-palette"])
def test_a_jpeg_or_png_cut_anywhere_is_refused(kind: str) -> None:
    data = KINDS[kind]
    end = 2 if kind.startswith("jpeg") else 0  # the marker, without which a JPEG is whole
    for length in (*range(1, len(data) - end, max(1, len(data) // 60)), len(data) - end - 2, len(data) - end - 1):
        assert refused_as(data[:length]) in {"truncated", "damaged", "not_an_image"}, length


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rubbish_behind_a_picture_is_ignored(kind: str) -> None:
    data = KINDS[kind]
    rubbish = b"rubbish \xff\xd8\xff\xda \x00" * 50_000

    np.testing.assert_array_equal(decode(data + rubbish).pixels, decode(data).pixels)


def test_a_jpeg_with_harmless_rubbish_between_its_parts_is_accepted() -> None:
    data = encoded(scene(640, 480), "JPEG")
    scan = data.index(b"\xff\xda")
    odd = data[:scan] + b"abc" + data[scan:-2] + b"abcd" + data[-2:]

    np.testing.assert_array_equal(decode(odd, min_side=None).pixels, decode(data, min_side=None).pixels)
    assert refused_as(odd[: len(odd) // 2]) == "truncated"


def test_a_jpeg_that_would_be_half_grey_is_refused() -> None:
    data = encoded(scene(640, 480), "JPEG")

    assert refused_as(data[: len(data) // 2] + b"\xff\xd9") == "damaged"
    assert refused_as(data[: len(data) // 2] + bytes(5_000)) in {"truncated", "damaged"}


def test_a_png_with_a_wrong_checksum_is_damaged() -> None:
    data = bytearray(KINDS["png"])
    data[data.index(b"IDAT") + 20] ^= 4

    assert refused_as(bytes(data)) == "damaged"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\x00" * 100, "not_an_image"),
        (b"hello, world", "not_an_image"),
        (b"%PDF-1.7 ...", "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "unsupported_format"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "unsupported_format"),
        (b"\xff\xd8\xff\xd9", "truncated"),
        (b"\xff\xd8\xff\xe0\x00\x02\xff\xd9\x00\x00", "damaged"),
        (b"GIF89a", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"II*\x00", "truncated"),
        (b"BM" + bytes(12) + b"\x28\x00\x00\x00", "truncated"),
        (b"RIFF\x04\x00\x00\x00WEBP", "damaged"),
    ],
)
def test_what_is_no_picture_says_why(data: bytes, code: str) -> None:
    assert refused_as(data) == code


def test_mutants_are_decoded_or_refused_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as heard:
        outcomes = [outcome(mutant) for mutant in mutants(list(KINDS.values()), MUTANTS, seed=11)]

    assert {"decoded", "truncated", "damaged"} <= set(outcomes) <= {"decoded", *CODES}
    assert not heard
    assert capfd.readouterr().err == ""
