"""JPEGs of every make: all sampling factors that a decoder reads, and scans counted only where the picture has them."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any

import numpy as np
import pytest

from lookalike.core.errors import ImageRefused
from lookalike.images.decode import decode
from lookalike.images.known_formats import picture_formats
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.images.whole.contents import contents_of
from tests.unit.images.pictures import encoded, scene
from tests.unit.images.sampled_jpeg import Factors, sampled_jpeg

read_header = picture_formats()["jpeg"].read_header

GREY: list[Factors] = [[(1, 1)], [(2, 2)], [(3, 1)], [(4, 4)]]
COLOUR: list[Factors] = [
    [luma, (1, 1), (1, 1)] for luma in ((1, 1), (2, 1), (3, 1), (4, 1), (1, 3), (1, 4), (3, 2), (2, 3), (4, 2), (2, 4))
]
CROSSWISE: list[Factors] = [
    [(1, 1), (2, 2), (2, 2)],
    [(2, 1), (1, 2), (1, 1)],
    [(2, 2), (2, 1), (1, 2)],
    [(4, 1), (4, 1), (1, 1)],
]
INKS: list[Factors] = [[(1, 1)] * 4, [(2, 2), (1, 1), (1, 1), (2, 2)], [(3, 1), (1, 1), (1, 1), (3, 1)]]
# A grey slope of 16 x 16 pixels in arithmetic coding, which Pillow cannot write.
ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAxNDQ0Hyc5PTgyPC4"
    "zNDL/yQALCAAQABABAREA/8wABgAQEAX/2gAIAQEAAD8A/wCItnP2GgCscpf7xP6PO1D/2Q=="
)


@pytest.mark.parametrize("together", [True, False], ids=["one scan", "a scan each"])
@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("factors", [*GREY, *COLOUR, *CROSSWISE, *INKS], ids=str)
def test_any_sampling_factors_are_taken_in(factors: Factors, progressive: bool, together: bool) -> None:
    data = sampled_jpeg(100, 60, factors, progressive=progressive, together=together)

    decoded = decode(data, min_side=None)

    brightness = decoded.pixels.mean(axis=(0, 2))
    assert decoded.pixels.shape == (60, 100, 3)
    assert (np.diff(brightness) >= -1.5).all()  # decoders smooth a little
    assert brightness[-1] - brightness[0] > 20


@pytest.mark.parametrize("factors", [COLOUR[2], COLOUR[9], CROSSWISE[0], INKS[2]], ids=str)
def test_unusual_sampling_is_scaled_while_it_is_decoded_like_any_other(factors: Factors) -> None:
    decoded = decode(sampled_jpeg(800, 640, factors), min_side=80)

    assert decoded.pixels.shape == (80, 100, 3)
    assert (decoded.width, decoded.height) == (800, 640)


def test_scans_of_their_own_may_hold_more_samples_than_one_together() -> None:
    assert decode(sampled_jpeg(70, 50, [(4, 4), (2, 2), (4, 4)], together=False)).pixels.shape == (50, 70, 3)


def test_arithmetic_coding_is_read() -> None:
    assert decode(ARITHMETIC).pixels.shape == (16, 16, 3)


@pytest.mark.parametrize("factors", [[(3, 1), (2, 1), (1, 1)], [(4, 4), (3, 3), (1, 1)]], ids=str)
def test_fractions_which_no_decoder_reads_are_told_as_such(factors: Factors) -> None:
    with pytest.raises(ImageRefused, match="fractions") as refused:
        decode(sampled_jpeg(40, 40, factors, together=False))

    assert refused.value.code == "unsupported_format"


def test_a_picture_of_unusual_sampling_that_was_cut_off_is_refused() -> None:
    data = sampled_jpeg(200, 160, [(3, 1), (1, 1), (1, 1)])

    with pytest.raises(ImageRefused) as refused:
        decode(data[: len(data) * 2 // 3])

    assert refused.value.code == "truncated"


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGB", {"progressive": True}), ("L", {}), ("CMYK", {}), ("RGB", {"restart_marker_blocks": 4})],
    ids=["baseline", "progressive", "grey", "inks", "restarts"],
)
def test_a_picture_that_lacks_only_its_end_marker_is_taken_in_and_told(
    mode: str, options: dict[str, Any], lost: int
) -> None:
    whole = encoded(scene(333, 222).convert(mode), "JPEG", **options)

    for min_side in (None, 30):
        decoded = decode(whole[:-lost], min_side=min_side)
        assert decoded.lacks_its_end
        assert not decode(whole, min_side=min_side).lacks_its_end
        np.testing.assert_array_equal(decoded.pixels, decode(whole, min_side=min_side).pixels)
    assert contents_of(whole[:-lost], limits=DEFAULT_LIMITS).digest == contents_of(whole, limits=DEFAULT_LIMITS).digest


@pytest.mark.parametrize("lost", [3, 4, 5, 20])
@pytest.mark.parametrize(("mode", "options"), [("RGB", {}), ("L", {}), ("CMYK", {}), ("RGB", {"progressive": True})])
def test_a_picture_whose_last_row_is_cut_is_refused(mode: str, options: dict[str, Any], lost: int) -> None:
    whole = encoded(scene(333, 222).convert(mode), "JPEG", **options)

    for data in (whole[:-lost], whole[:-lost] + b"\xff"):
        with pytest.raises(ImageRefused) as refused:
            decode(data)
        assert refused.value.code in {"truncated", "damaged"}


@pytest.mark.parametrize("kind", ["progressive", "progressive grey", "a scan each"])
def test_a_picture_that_was_cut_behind_a_scan_which_is_not_its_last_is_refused(kind: str) -> None:
    if kind == "a scan each":
        whole = sampled_jpeg(160, 120, COLOUR[0], together=False)
    else:
        whole = encoded(scene(160, 120).convert("L" if "grey" in kind else "RGB"), "JPEG", progressive=True)
    scans = [at.start() for at in re.finditer(b"\xff\xda", whole)]
    assert len(scans) > 2

    for scan in scans[1:]:
        tables = whole.rfind(b"\xff\xc4", scans[0], scan)  # each scan may have its own, before it
        with pytest.raises(ImageRefused) as refused:
            decode(whole[: tables if tables > whole.rfind(b"\xff\xda", 0, scan) else scan])
        assert refused.value.code == "truncated"


def progressive() -> bytes:
    return encoded(scene(640, 480), "JPEG", progressive=True, quality=90)


FILM = b"\x00\x00\x00\x18ftypmp42" + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 50_000


@pytest.mark.parametrize(
    "trailer",
    [FILM, progressive() * 40, b"PK\x03\x04" + b"\xff\xda" * 20_000, b"\xff\xda" * 3, b"\xff"],
    ids=["film", "further pictures", "archive", "rubbish", "one byte"],
)
def test_what_lies_behind_the_picture_counts_for_nothing(trailer: bytes) -> None:
    alone = progressive()

    assert read_header(alone + trailer) == read_header(alone)
    assert (decode(alone + trailer).pixels == decode(alone).pixels).all()


def test_scans_within_a_segment_count_for_nothing() -> None:
    alone = progressive()
    inside = b"\xff\xe2" + struct.pack(">H", 60_002) + (b"\xff\xda\xff\xd9" * 15_000)
    at_the_second_scan = alone.index(b"\xff\xda", alone.index(b"\xff\xda") + 2)

    for at in (2, at_the_second_scan):
        data = alone[:at] + inside + alone[at:]
        assert read_header(data).passes == read_header(alone).passes
        assert (decode(data).pixels == decode(alone).pixels).all()


@pytest.mark.parametrize("end", [b"\xff\xd9", b""], ids=["with an end", "without"])
def test_scans_of_the_picture_itself_all_count(end: bytes) -> None:
    alone = encoded(scene(2_000, 1_500), "JPEG", progressive=True)
    scan = alone.index(b"\xff\xda")
    data = alone[:scan] + (alone[scan : scan + 40] + b"\xff\xd0\xff\x00\xff\xff") * 1_200 + alone[scan:-2] + end

    assert read_header(data).passes > 1_200
    with pytest.raises(ImageRefused) as refused:
        decode(data + progressive())
    assert refused.value.code == "too_costly"
