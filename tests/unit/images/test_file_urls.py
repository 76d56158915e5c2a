"""URLs of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.core.errors import FetchRefused
from lookalike.images.file_urls import path_of


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b.jpg", "/a/b.jpg"),
        ("file:/a/b.jpg", "/a/b.jpg"),
        ("FILE://localhost/a/b.jpg", "/a/b.jpg"),
        ("file:///a%20b/%C3%A9%3F.jpg", "/a b/é?.jpg"),
        ("file:///a/%FF.jpg", os.fsdecode(b"/a/\xff.jpg")),
    ],
)
def test_a_url_of_a_file_is_its_path(url: str, path: str) -> None:
    assert path_of(url) == path


def test_what_a_path_says_of_itself_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a # b? 100% é.jpg"
    assert path_of(path.as_uri()) == str(path)


@pytest.mark.parametrize(
    "url",
    [
        "file://server/share/a.jpg",
        "file:a.jpg",
        "file://",
        "file:",
        "file:///a%00.jpg",
        "file://[",
        "file://10.0.0.1/a",
    ],
)
def test_other_machines_and_half_paths_are_refused(url: str) -> None:
    with pytest.raises(FetchRefused, match="file"):
        path_of(url)
