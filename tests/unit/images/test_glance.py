"""A glance says what decoding says, and decodes nothing."""

from __future__ import annotations

import io
from dataclasses import asdict

import pytest
from PIL import Image

from lookalike.core.errors import ImageRefused
from lookalike.images.decode import decode
from lookalike.images.glance import glance
from lookalike.images.limits import ImageLimits
from tests.unit.images.pictures import every_kind

W, H = 40, 24


def encoded(image_format: str, *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = orientation, "Canon", "EOS"
    target = io.BytesIO()
    Image.effect_noise((W, H), 60).convert("RGB").save(target, image_format, exif=exif)
    return target.getvalue()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_glance_says_what_decoding_says(image_format: str, orientation: int) -> None:
    data = encoded(image_format, orientation=orientation)
    seen = glance(data)
    decoded = asdict(decode(data))
    assert seen._asdict() == {name: decoded[name] for name in seen._fields}
    assert (seen.width, seen.height) == ((H, W) if orientation >= 5 else (W, H))
    assert seen.camera == "Canon EOS"


@pytest.mark.parametrize("kind", every_kind())
def test_of_every_kind_of_picture_a_glance_has_the_size_and_the_format(kind: str) -> None:
    data = every_kind()[kind]
    decoded = decode(data)
    assert glance(data)[:3] == (decoded.width, decoded.height, decoded.format)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"<!doctype html><script>alert(1)</script>", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (b"%PDF-1.7", "unsupported_format"),
        (b"\xff\xd8\xff", "truncated"),
        (encoded("PNG")[:40], "truncated"),
    ],
)
def test_what_is_no_picture_is_refused_as_by_decoding(data: bytes, code: str) -> None:
    for look in (glance, decode):
        with pytest.raises(ImageRefused) as refused:
            look(data)
        assert refused.value.code == code


@pytest.mark.parametrize("limits", [ImageLimits(max_pixels=W * H - 1), ImageLimits(max_bytes=100)])
def test_what_costs_too_much_is_refused(limits: ImageLimits) -> None:
    with pytest.raises(ImageRefused):
        glance(encoded("PNG"), limits=limits)


def test_pixels_are_not_looked_at() -> None:
    data = bytearray(encoded("PNG"))
    at = data.index(b"IDAT") + 4
    data[at : at + 20] = bytes(20)
    with pytest.raises(ImageRefused):
        decode(bytes(data))
    assert glance(bytes(data))[:3] == (W, H, "png")
