"""A path in a list of hits can be typed as it stands there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.cli.hits import short_path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_what_lies_below_the_current_folder_is_relative_to_it(here: Path) -> None:
    assert short_path(f"{here}/a/b c.jpg") == "a/b c.jpg"


def test_what_lies_elsewhere_stays_absolute_also_in_a_folder_of_a_longer_name(here: Path) -> None:
    for path in (f"{here}2/a.jpg", str(here.parent / "a.jpg"), str(here)):
        assert short_path(path) == path


@pytest.mark.parametrize("name", ["-k.jpg", "--help", "~a.jpg"])
def test_a_name_that_would_be_read_as_an_option_or_a_home_says_that_it_is_a_path(here: Path, name: str) -> None:
    assert short_path(f"{here}/{name}") == f"./{name}"
    assert os.path.abspath(os.path.expanduser(short_path(f"{here}/{name}"))) == f"{here}/{name}"


def test_where_the_current_folder_is_gone_paths_stay_as_they_are(here: Path) -> None:
    here.rmdir()
    assert short_path(f"{here}/a.jpg") == f"{here}/a.jpg"


def test_from_the_root_every_path_is_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert short_path("/a/b.jpg") == "a/b.jpg"
