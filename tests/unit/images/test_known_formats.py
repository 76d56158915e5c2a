"""What the files of formats say of themselves: no two the same, nothing imported too early, and the docs name all."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lookalike.core.condition_values import OTHER_NAMES_OF_FORMATS
from lookalike.images import formats
from lookalike.images.known_formats import (
    format_names,
    formats_in_turn,
    media_type_of,
    picture_extensions,
    picture_formats,
    titles,
)
from lookalike.images.sniff import format_of
from lookalike.service.api.describing import FILE
from lookalike.service.api.request_bodies import UploadBody
from tests.unit.images.pictures import every_kind

ROOT = Path(__file__).parents[3]
SAMPLES = every_kind()


def test_each_file_is_the_format_of_its_name() -> None:
    files = {path.stem for path in Path(formats.__path__[0]).glob("[!_]*.py")}
    assert list(picture_formats()) == list(format_names()) == sorted(files)
    assert {"jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heic"} <= files


def test_that_of_most_pictures_is_asked_first_and_every_other_once() -> None:
    in_turn = list(formats_in_turn())
    assert in_turn[0].name == "jpeg"
    assert sorted(one.name for one in in_turn) == sorted(format_names())


def test_no_two_formats_share_a_name_an_ending_or_a_media_type() -> None:
    known = list(picture_formats().values())
    for told in (
        [one.title for one in known],
        [one.media_type for one in known],
        [ending for one in known for ending in one.extensions],
    ):
        assert len(told) == len(set(told))
    assert picture_extensions() == {ending for one in known for ending in one.extensions}
    assert all(ending == ending.lower().strip(".") for ending in picture_extensions())


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_sample_is_recognised_by_one_format_alone(kind: str) -> None:
    data = SAMPLES[kind]
    assert [one for one in picture_formats().values() if one.recognise(data[:256])] == [format_of(data)]


@pytest.mark.parametrize(
    ("major", "others", "expected"),
    [(b"avif", [b"mif1", b"heic"], "avif"), (b"heic", [b"mif1"], "heic"), (b"heic", [b"avif"], "avif")],
)
def test_an_iso_file_of_two_brands_has_one_format(major: bytes, others: list[bytes], expected: str) -> None:
    head = (16 + 4 * len(others)).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"".join(others)
    assert [one.name for one in picture_formats().values() if one.recognise(head)] == [expected]


def test_the_service_takes_and_gives_every_format() -> None:
    for one in picture_formats().values():
        UploadBody(size_bytes=1, content_type=one.media_type, sha256="0" * 64)
        assert media_type_of(one.name) == one.media_type
        assert one.title in FILE["description"]
    assert media_type_of("jxl") == "application/octet-stream"


def test_an_extra_that_a_format_names_is_there_and_brings_its_library() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    needing = [one for one in picture_formats().values() if one.extra]
    assert needing
    for one in needing:
        assert any(line.startswith(one.library) for line in extras[one.extra])


def test_filters_know_other_names_of_formats_that_are_there() -> None:
    for name, format_name in OTHER_NAMES_OF_FORMATS.items():
        assert name in picture_formats()[format_name].extensions


@pytest.mark.parametrize(
    "page", ["docs/reference/refusals.md", "docs/reference/openapi.json", "docs/reference/export-format.md"]
)
def test_the_reference_names_every_format(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for one in picture_formats().values():
        assert re.search(rf"\b{one.title}\b|`{one.name}`", text), one.name
    assert page != "docs/reference/openapi.json" or f'"{titles()}"' in text


def test_the_table_of_what_is_accepted_is_that_of_the_formats() -> None:
    page = (ROOT / "docs" / "reference" / "refusals.md").read_text("utf-8")
    table = re.findall(r"^\| (\w+) \| (`\..+) \| `(image/.+)` \| (.*)\|$", page, re.MULTILINE)
    assert [tuple(cell.strip().strip("`") for cell in row) for row in table] == [
        (one.title, "`, `".join(f".{ending}" for ending in one.extensions), one.media_type, one.extra)
        for one in picture_formats().values()
    ]


def test_formats_and_their_readers_are_imported_when_they_are_needed() -> None:
    script = (
        "import sys, lookalike.images.files, lookalike.images.sniff, lookalike.collection;"
        "loaded = [name for name in sys.modules if name.startswith('lookalike.images.formats.')];"
        "assert not loaded, loaded;"
        "assert lookalike.images.sniff.find_format(b'\\xff\\xd8\\xff\\xe0').name == 'jpeg';"
        "loaded = [name for name in sys.modules if name.startswith('lookalike.images.formats.')];"
        "assert loaded == ['lookalike.images.formats.jpeg'], loaded;"
        "from lookalike.images.known_formats import picture_formats; assert picture_formats();"
        "loaded = [name for name in sys.modules if name.startswith(('PIL.', 'pillow_heif', 'simplejpeg'))];"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
