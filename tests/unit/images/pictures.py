"""Small pictures of every format and kind, made by Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image


def scene(width: int = 48, height: int = 32, *, seed: int = 3) -> Image.Image:
    """A picture without any symmetry: a slope of colours, a bright corner, some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 200 // max(1, width), y * 200 // max(1, height), (x + y) % 97], axis=2).astype(np.uint8)
    pixels[: height // 4, : width // 3] = (250, 240, 20)
    return Image.fromarray(pixels + rng.integers(0, 5, pixels.shape, dtype=np.uint8))


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, image_format, **options)
    return target.getvalue()


def deep_grey(width: int = 48, height: int = 32) -> Image.Image:
    """Sixteen bits, from black to white."""
    return Image.fromarray(np.linspace(0, 65_535, width * height).astype(np.uint16).reshape(height, width))


def translucent(mode: str = "RGBA") -> Image.Image:
    image = scene().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image.convert(mode)


def keyed_palette() -> Image.Image:
    image = scene().quantize(16)
    image.info["transparency"] = 2
    return image


def animation(image_format: str) -> bytes:
    frames = [scene(seed=seed).rotate(40 * seed) for seed in range(3)]
    return encoded(frames[0], image_format, save_all=True, append_images=frames[1:], duration=50)


def every_kind() -> dict[str, bytes]:
    """A valid picture of every kind that is read without an extra, by a readable name."""
    rgb = scene()
    kinds = {
        "jpeg": encoded(rgb, "JPEG", quality=90),
        "jpeg-progressive": encoded(rgb, "JPEG", quality=90, progressive=True),
        "jpeg-444": encoded(rgb, "JPEG", subsampling=0),
        "jpeg-grey": encoded(rgb.convert("L"), "JPEG"),
        "jpeg-cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "png": encoded(rgb, "PNG"),
        "png-grey": encoded(rgb.convert("L"), "PNG"),
        "png-16": encoded(deep_grey(), "PNG"),
        "png-1": encoded(rgb.convert("1"), "PNG"),
        "png-alpha": encoded(translucent(), "PNG"),
        "png-grey-alpha": encoded(translucent("LA"), "PNG"),
        "png-palette": encoded(rgb.quantize(16), "PNG"),
        "png-palette-keyed": encoded(keyed_palette(), "PNG"),
        "png-rgb-keyed": encoded(rgb, "PNG", transparency=(250, 240, 20)),
        "apng": animation("PNG"),
        "webp": encoded(rgb, "WEBP"),
        "webp-lossless": encoded(translucent(), "WEBP", lossless=True),
        "webp-animated": animation("WEBP"),
        "gif": encoded(rgb, "GIF"),
        "gif-keyed": encoded(keyed_palette(), "GIF", transparency=2),
        "gif-animated": animation("GIF"),
        "bmp": encoded(rgb, "BMP"),
        "bmp-1": encoded(rgb.convert("1"), "BMP"),
        "bmp-palette": encoded(rgb.quantize(16), "BMP"),
        "avif": encoded(rgb, "AVIF"),
        "avif-alpha": encoded(translucent(), "AVIF"),
    }
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr"):
        kinds[f"tiff-{mode.lower()}"] = encoded(rgb.convert(mode), "TIFF")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        kinds[compression.replace("_", "-") + "-tiff"] = encoded(rgb, "TIFF", compression=compression)
    kinds["tiff-16"] = encoded(deep_grey(), "TIFF")
    kinds["tiff-float"] = encoded(rgb.convert("F"), "TIFF")
    return kinds
