"""`lookalike search`: what it prints where, for people, for programs and for pipes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import lookalike
from tests.e2e.conftest import PICTURES, Album, Command


def test_a_search_prints_a_ranked_table_on_stdout_and_its_account_on_stderr(command: Command, album: Album) -> None:
    outcome = command("search", album.photos / "2.jpg", "-c", album.collection, "-k", "3")
    lines = outcome.text.splitlines()
    assert outcome.code == 0
    assert lines[0].split() == ["rank", "similarity", "picture"]
    assert lines[1].split()[:3] == ["1", "1.000", str(album.photos / "2.jpg")]
    assert len(lines) == 4
    assert "exact; 6 compared" in outcome.stderr
    assert "3 of 6 matching" in outcome.stderr


def test_quiet_leaves_only_the_table(command: Command, album: Album) -> None:
    outcome = command("-q", "search", album.photos / "2.jpg", "-c", album.collection)
    assert outcome.stderr == ""
    assert len(outcome.text.splitlines()) == 1 + PICTURES


@pytest.mark.parametrize("before", [True, False])
def test_common_options_may_stand_before_or_after_the_command(command: Command, album: Album, before: bool) -> None:
    common, own = ["-c", str(album.collection), "--json"], ["search", str(album.photos / "0.jpg")]
    assert command(*common, *own).stdout if before else command(*own, *common).stdout


def test_json_is_the_reply_with_the_query(command: Command, album: Album) -> None:
    query = str(album.photos / "1.jpg")
    reply = json.loads(command("search", query, "-c", album.collection, "-k", "2", "--json").stdout)
    assert set(reply) == {
        "query", "hits", "plan", "exact", "scanned", "total_matching", "timings_ms", "model", "index", "cached",
        "sure",
        "nothing_like_it",
        "without_date",
    }  # fmt: skip
    assert reply["query"] == query
    assert [hit["rank"] for hit in reply["hits"]] == [1, 2]
    assert set(reply["hits"][0]) == {
        "id", "rank", "similarity", "path", "copies", "metadata", "width", "height", "format", "size_bytes",
        "taken_at", "camera", "group", "rerank_similarity", "reason", "provisional", "confidence",
    }  # fmt: skip
    assert reply["timings_ms"]["total"] > 0


def test_standard_input_a_part_of_an_id_and_a_sum_are_queries(command: Command, album: Album) -> None:
    data = (album.photos / "3.jpg").read_bytes()
    by_bytes = json.loads(command("search", "-", "-c", album.collection, "--json", stdin=data).stdout)
    image_id = by_bytes["hits"][0]["id"]
    by_id = json.loads(command("search", image_id[:12], "-c", album.collection, "--json").stdout)
    total = f"2*{album.photos / '3.jpg'} + {album.photos / '4.jpg'} - {album.photos / '5.jpg'}"
    by_sum = json.loads(command("search", total, "-c", album.collection, "--json").stdout)
    assert Path(by_bytes["hits"][0]["path"]).name == "3.jpg"
    assert by_id["hits"][0]["id"] == by_sum["hits"][0]["id"] == image_id


def test_several_filters_must_all_hold(command: Command, album: Album) -> None:
    filters = ["--where", "name in (1.jpg, 2.jpg)", "--where", "name != 1.jpg or width < 0"]
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, *filters, "--paths-only")
    assert outcome.text == f"{album.photos / '2.jpg'}\n"


def test_a_crop_and_a_sheet(command: Command, album: Album, tmp_path: Path) -> None:
    for name in ("sheet.jpg", "sheet.html"):
        arguments = ["--crop", "0.5,0,0.5,1.0", "--sheet", str(tmp_path / name)]
        outcome = command("search", album.photos / "0.jpg", "-c", album.collection, *arguments)
        assert outcome.code == 0
        assert name in outcome.stderr
    assert (tmp_path / "sheet.jpg").read_bytes().startswith(b"\xff\xd8")
    assert b"<html" in (tmp_path / "sheet.html").read_bytes()


def test_pictures_are_shown_when_asked_for(command: Command, album: Album) -> None:
    arguments = ["search", str(album.photos / "0.jpg"), "-c", str(album.collection)]
    assert "▀" in command(*arguments, "--pictures").text
    assert "▀" not in command(*arguments).text


NAMES = [b"two\nlines.jpg", b"\x1b[31mred.jpg", b"caf\xe9.jpg", b"-k.jpg", "漢字 🦊.jpg".encode()]


@pytest.fixture
def hostile(tmp_path: Path, album: Album) -> Album:
    """Pictures whose names hurt."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for n, name in enumerate(NAMES):
        (photos / os.fsdecode(name)).write_bytes((album.photos / f"{n}.jpg").read_bytes())
    with lookalike.open(tmp_path / "hostile") as collection:
        collection.index(photos)
    return Album(photos, tmp_path / "hostile")


def test_names_are_shown_harmlessly_and_given_exactly(command: Command, hostile: Album) -> None:
    arguments = ["search", str(next(hostile.photos.iterdir())), "-c", str(hostile.collection)]
    table = command(*arguments).text
    exact = command(*arguments, "--paths-only", "-0").stdout
    reply = json.loads(command(*arguments, "--json").stdout)
    wanted = {os.fsencode(hostile.photos / os.fsdecode(name)) for name in NAMES}
    assert "\x1b" not in table
    assert len(table.splitlines()) == 1 + len(NAMES)
    assert all(shown in table for shown in (r"two\nlines.jpg", r"\x1b[31mred.jpg", r"caf\xe9.jpg", "漢字 🦊.jpg"))
    assert set(exact.split(b"\0")[:-1]) == wanted
    assert {os.fsencode(hit["path"]) for hit in reply["hits"]} == wanted


def test_any_of_these_names_is_a_query(command: Command, hostile: Album) -> None:
    for name in NAMES:
        path = os.fsdecode(os.fsencode(hostile.photos) + b"/" + name)
        outcome = command("search", path, "-c", hostile.collection, "-k", "1", "--paths-only", "-0")
        assert outcome.stdout == os.fsencode(path) + b"\0"


def test_an_empty_collection_answers_nothing_and_says_what_to_do(command: Command, album: Album) -> None:
    with lookalike.open(album.collection) as collection:
        collection.remove(where="width > 0")
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection)
    assert (outcome.code, outcome.stdout) == (0, b"")
    assert "lookalike index" in outcome.stderr


def test_a_filter_that_nothing_passes_says_so(command: Command, album: Album) -> None:
    outcome = command("search", album.photos / "0.jpg", "-c", album.collection, "--where", "width < 0")
    assert (outcome.code, outcome.stdout) == (0, b"")
    assert "nothing found" in outcome.stderr
