"""One file is all that a picture format takes: it is put where formats lie, and everything knows it."""

from __future__ import annotations

import io
import shutil
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from lookalike.core.errors import ImageRefused
from lookalike.images import formats, known_formats
from lookalike.images.apart import decoders
from lookalike.images.decode import decode
from lookalike.images.limits import ImageLimits
from lookalike.images.whole.contents import contents_of
from lookalike.service.api import describing
from lookalike.service.housework import Housework
from tests.collections import new_collection, picture, png, write_bytes
from tests.services import FIRST, running, sha256, token
from tests.unit.adding import toys
from tests.waiting import eventually

READER, WRITER = token("read"), token("read", "write")

CHILD = """
import sys
from lookalike.images import formats
from lookalike.images.apart.child import main
formats.__path__ = [*formats.__path__, {folder!r}]
main(int(sys.argv[1]), float(sys.argv[2]))
"""


def plain(seed: int) -> bytes:
    image = picture(seed)
    return struct.pack("<7sHH", b"PLAIN1\n", *image.size) + image.tobytes()


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy's file lies in a folder of formats."""
    folder = tmp_path / "formats"
    folder.mkdir()
    shutil.copy(Path(toys.__path__[0]) / "plain.py", folder)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(folder)])
    _look_again()
    monkeypatch.setattr(decoders, "PROGRAM", (sys.executable, "-P", "-c", CHILD.format(folder=str(folder))))
    yield
    monkeypatch.undo()
    sys.modules.pop(f"{formats.__name__}.plain", None)
    _look_again()


def _look_again() -> None:
    known_formats.format_names.cache_clear()
    known_formats.picture_formats.cache_clear()
    known_formats.picture_extensions.cache_clear()


@pytest.mark.usefixtures("added")
def test_it_is_found_in_a_folder_indexed_and_searched(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write_bytes(folder / "by its ending.pln", plain(1))
    write_bytes(folder / "by its first bytes", plain(2))
    write_bytes(folder / "cut off.plain", plain(3)[:-1])
    write_bytes(folder / "as a png.png", png(1))

    with new_collection(tmp_path / "photos.lookalike") as photos:
        report = photos.index(folder)
        hits = photos.search(folder / "by its ending.pln", k=3).hits
        kept = photos.search(folder / "by its ending.pln", k=3, where={"format": "plain"}).hits

    assert (report.added, [refused.code for refused in report.failed]) == (3, ["truncated"])
    assert [Path(hit.path).name for hit in hits[:2]] == ["as a png.png", "by its ending.pln"]
    assert hits[0].similarity == pytest.approx(1)
    assert {Path(hit.path).name for hit in kept} == {"by its ending.pln", "by its first bytes"}


@pytest.mark.usefixtures("added")
def test_its_cost_is_known_before_it_is_decoded_and_what_lies_behind_it_is_told() -> None:
    claims_much = struct.pack("<7sHH", b"PLAIN1\n", 60_000, 60_000)
    with pytest.raises(ImageRefused, match="the file ends inside the pixels"):
        decode(claims_much)
    with pytest.raises(ImageRefused, match="at most 50 pixels"):
        decode(plain(1), limits=ImageLimits(max_pixels=50))
    assert contents_of(plain(1) + b"a film", limits=ImageLimits()).behind_bytes == len(b"a film")
    assert contents_of(plain(1), limits=ImageLimits()).quality == 100


@pytest.mark.usefixtures("added")
def test_what_is_no_picture_is_told_that_it_could_have_been_one() -> None:
    with pytest.raises(ImageRefused, match=r"accepted are avif, .*, plain, png"):
        decode(b"a text")


@pytest.mark.usefixtures("added")
def test_the_service_takes_it_in_shows_it_small_and_gives_it_out(tmp_path: Path) -> None:
    data = plain(70)
    collection = f"/v1/collections/{FIRST}"
    stop = threading.Event()
    with running(tmp_path / "served") as served:
        housework = Housework(served.service)
        housework.start(stop)
        announced = {"size_bytes": len(data), "content_type": "image/x-plain", "sha256": sha256(data)}
        upload = served.client.post(f"{collection}/uploads", json=announced, headers=WRITER).json()
        put = served.client.put(upload["put"]["url"], content=data, headers=upload["put"]["headers"])
        completed = served.client.post(
            f"{collection}/uploads/{upload['id']}/complete", json={"sha256": sha256(data)}, headers=WRITER
        )
        image = f"{collection}/images/{sha256(data)}"
        assert eventually(lambda: served.client.get(image, headers=READER).status_code == 200), completed.text
        found = served.client.post(f"{collection}/search", files={"image": data}, headers=READER).json()["hits"]
        file = served.client.get(f"{image}/file", headers=READER)
        small = served.client.get(f"{image}/thumbnail", headers=READER)
        kept = served.client.get(image, headers=READER).json()
        stop.set()
        housework.join()

    assert put.status_code == 200
    assert found[0]["id"] == sha256(data)
    assert (file.content, file.headers["content-type"]) == (data, "image/x-plain")
    assert Image.open(io.BytesIO(small.content)).size == picture(70).size
    assert kept["format"] == "plain"


@pytest.mark.usefixtures("added")
def test_what_the_service_says_of_files_names_it() -> None:
    assert "Plain" in known_formats.titles()
    assert describing.FILE["description"] == known_formats.titles().replace(
        "Plain, ", ""
    )  # written before the toy came


def test_without_its_file_nothing_knows_it(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused, match="not a picture"):
        decode(plain(1))
    assert known_formats.media_type_of("plain") == "application/octet-stream"
