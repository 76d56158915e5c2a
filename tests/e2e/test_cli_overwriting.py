"""No command writes in the place of a picture, of the query, or of anything else that it did not make."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.conftest import Album, Command


@pytest.mark.parametrize("option", ["--sheet", "--why"])
def test_a_search_overwrites_neither_query_nor_pictures(
    command: Command, album: Album, tmp_path: Path, option: str
) -> None:
    query = tmp_path / "query.jpg"
    shutil.copy(album.photos / "0.jpg", query)
    (tmp_path / "link.jpg").symlink_to(album.photos / "1.jpg")
    (tmp_path / "diary.png" if option == "--why" else tmp_path / "diary.html").write_text("my diary")
    for name, what in (
        ("query.jpg", "the query"),
        ("link.jpg", "a picture of the collection"),
        ("diary.png" if option == "--why" else "diary.html", "not a "),
    ):
        before = (tmp_path / name).read_bytes()
        outcome = command("search", query, "-c", album.collection, option, tmp_path / name)
        assert (outcome.code, outcome.stdout) == (65, b""), outcome.stderr
        assert f"{name} is {what}" in outcome.stderr
        assert "--force" in outcome.stderr
        assert (tmp_path / name).read_bytes() == before


def test_the_same_command_can_be_given_twice_and_another_output_be_forced(
    command: Command, album: Album, tmp_path: Path
) -> None:
    pytest.importorskip("cv2", reason="needs OpenCV, the extra features")
    search = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection)]
    for option, name in (("--sheet", "a.jpg"), ("--sheet", "a.html"), ("--why", "b.jpg"), ("--why", "b.png")):
        for _ in range(2):
            assert command(*search, option, tmp_path / name).code == 0
    assert command(*search, "--sheet", tmp_path / "b.jpg").code == 65, "a drawing is no contact sheet"
    assert command(*search, "--sheet", tmp_path / "b.jpg", "--force").code == 0


@pytest.mark.parametrize("leads_to", ["nothing", "nowhere", "a sheet", "something of mine"])
def test_nothing_is_written_through_a_link_unless_forced(
    command: Command, album: Album, tmp_path: Path, leads_to: str
) -> None:
    search = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection), "--sheet"]
    link, target = tmp_path / "link.html", tmp_path / "target.html"
    if leads_to == "nowhere":
        target = tmp_path / "no folder" / "target.html"
    elif leads_to == "a sheet":
        assert command(*search, target).code == 0
    elif leads_to == "something of mine":
        target.write_text("my page")
    link.symlink_to(target)
    before = target.read_bytes() if target.exists() else None

    outcome = command(*search, link)
    assert (outcome.code, outcome.stdout) == (74 if leads_to == "nowhere" else 65, b"")
    assert (target.read_bytes() if target.exists() else None) == before
    if leads_to != "nowhere":
        assert "--force" in outcome.stderr
        assert command(*search, link, "--force").code == 0
        assert b"<html" in target.read_bytes()
    assert link.is_symlink()


def test_neighbours_and_exports_overwrite_nothing_of_others(command: Command, album: Album, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs pyarrow, the extra parquet")
    np.save(tmp_path / "base.npy", np.eye(4, dtype=np.float32))
    base = str(tmp_path / "base.npy")
    export = ["export", "-c", str(album.collection)]
    assert command(*export, tmp_path / "x.parquet").code == 0
    before = (tmp_path / "x.parquet").read_bytes()
    outcome = command("knn", base, base, "-o", tmp_path / "x.parquet")
    assert outcome.code == 65
    assert "not a table of neighbours" in outcome.stderr
    assert (tmp_path / "x.parquet").read_bytes() == before
    for arguments in (["knn", base, base, "-o"], export):
        (tmp_path / "y.parquet").write_bytes(b"mine")
        assert command(*arguments, tmp_path / "y.parquet").code == 65
        assert command(*arguments, tmp_path / "y.parquet", "--force").code == 0
        assert command(*arguments, tmp_path / "y.parquet").code == 0
