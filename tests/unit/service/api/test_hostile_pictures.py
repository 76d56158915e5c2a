"""Every kind of bad picture through every door: refused with the code that the library gives, and nothing is left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.core.errors import ImageRefused
from tests.collections import new_collection, png
from tests.services import FIRST, Running, running, sha256
from tests.unit.images.mutations import mutants
from tests.unit.images.pictures import encoded, every_kind, scene
from tests.unit.images.test_bombs import BOMBS, bmp_bomb, jpeg_bomb, png_bomb, tiff_bomb
from tests.unit.service.api.doors import COLLECTION, LOOKING, TAKING, WRITER, codes

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "refusals.md"
DOCUMENTED = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))

KINDS = every_kind()
FEW = ("jpeg", "jpeg-cmyk", "png-16", "webp", "gif", "tiff-rgb", "avif")


def sideways() -> bytes:
    image = scene()
    exif = image.getexif()
    exif[0x0112] = 6
    return encoded(image, "JPEG", exif=exif)


PICTURES: dict[str, bytes] = {
    "empty": b"",
    "zeros": bytes(5_000),
    "text": b"hello, world",
    "html": b"<!doctype html><html><script>alert(1)</script></html>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "svg behind a declaration": b"<?xml version='1.0'?><!DOCTYPE svg SYSTEM 'file:///etc/passwd'><svg/>",
    "pdf": b"%PDF-1.7\n" + bytes(500),
    "zip": b"PK\x03\x04" + bytes(500),
    "postscript": b"%!PS-Adobe-3.0\n/showpage {} def\n",
    "jpeg xl": b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    "film": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
    "jpeg of nothing": b"\xff\xd8\xff\xd9",
    "png and html": KINDS["png"][:60] + b"<script>alert(1)</script>",
    "wide as nothing": png_bomb(0, 5),
    "high as nothing": bmp_bomb(7, 0),
    "no pixels": tiff_bomb(0, 0),
    "jpeg that lies": jpeg_bomb(40_000, progressive=False),
    **{f"{name} bomb": data for name, data in BOMBS.items()},
    **{f"half a {name}": KINDS[name][: len(KINDS[name]) // 2] for name in FEW},
    **{f"mutant {n}": data for n, data in enumerate(mutants([KINDS[name] for name in FEW], 24, seed=5))},
    **{name: KINDS[name] for name in ("jpeg-cmyk", "png-16", "gif-animated", "apng", "png-palette-keyed", "tiff-1")},
    "sideways": sideways(),
    "rubbish behind a picture": KINDS["jpeg"] + b"<script>alert(1)</script>" * 100,
}

OTHER_CODES = {
    ("search by url", "empty"): "url_broken",  # an empty body is no picture of anything yet
    ("stream", "empty"): "malformed",
    ("upload", "empty"): "invalid",  # nothing can be announced
    ("upload with vector", "empty"): "invalid",
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, allow_private_fetch=True) as one:
        yield one


@pytest.fixture(scope="module")
def expected() -> dict[str, str | None]:
    """What the library says of each: a code, or None where it takes the picture in."""
    with new_collection() as collection:
        return {name: code_of(data, collection.add) for name, data in PICTURES.items()}


def code_of(data: bytes, use) -> str | None:
    try:
        use(data)
    except ImageRefused as error:
        return error.code
    return None


def kept_files(served: Running) -> list[str]:
    """All that lies on disk, but for the databases, what locks them, and the index, which can be made anew."""
    places = [*served.service.settings.collections.values(), served.service.settings.home]
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if not re.search(r"\.(sqlite(-\w+)?|lock|key)$|/snapshots/", str(path)))


def ids(served: Running) -> set[str]:
    collection = served.service.collections.get(FIRST)
    return {stored.image.id for _, stored in collection.pictures.list(where=None, after=0, limit=1_000)}


def test_the_pictures_are_of_many_kinds(expected: dict[str, str | None]) -> None:
    assert set(expected.values()) <= DOCUMENTED | {None}
    assert {"empty", "not_an_image", "unsupported_format", "truncated", "damaged", "zero_size"} <= set(
        expected.values()
    )
    assert {"too_many_pixels", "too_costly", None} <= set(expected.values())


@pytest.mark.parametrize("name", LOOKING)
def test_who_only_looks_is_told_why_and_changes_nothing(
    served: Running, name: str, expected: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    before = ids(served), kept_files(served)

    with LOOKING[name](served) as send:
        told = codes(send, PICTURES)
        assert codes(send, {"good": png(900)}) == {"good": None}

    assert told == {one: OTHER_CODES.get((name, one), code) for one, code in expected.items()}
    assert (ids(served), kept_files(served)) == before
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.parametrize("name", TAKING)
def test_what_is_refused_leaves_nothing_and_the_rest_is_taken_in(
    served: Running, name: str, expected: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    before = ids(served)

    with TAKING[name](served) as send:
        told = codes(send, PICTURES)
        assert codes(send, {"good": png(900)}) == {"good": None}

    taken = {sha256(PICTURES[one]) for one, code in expected.items() if code is None} | {sha256(png(900))}
    assert told == {one: OTHER_CODES.get((name, one), code) for one, code in expected.items()}
    assert ids(served) == before | taken
    files = [Path(path) for path in kept_files(served)]
    assert {path.parent.name + path.name for path in files if path.parent.parent.name == "objects"} == ids(served)
    assert not [path for path in files if path.parent.parent.name != "objects"]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_form_of_all_of_them_takes_in_those_that_are_good(served: Running, expected: dict[str, str | None]) -> None:
    files = [("image", (name, data)) for name, data in PICTURES.items()]
    assert len(files) <= 100

    reply = served.client.post(f"{COLLECTION}/images", files=files, headers=WRITER)

    assert {one["name"]: one.get("code") for one in reply.json()["data"]} == expected
