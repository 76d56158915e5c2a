"""Settings come from where they should, and an impossible one says where it came from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from lookalike.core.errors import BadInput
from lookalike.images.limits import DEFAULT_LIMITS
from lookalike.settings import Settings, read_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings file, which is not there yet."""
    monkeypatch.setattr(platformdirs, "user_config_path", lambda _: tmp_path / "config")
    monkeypatch.setattr(platformdirs, "user_data_path", lambda _: tmp_path / "data")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "lookalike.toml"


def read(environment: dict[str, str] | None = None, **given: Any) -> Settings:
    return read_settings(environment=environment or {}, **given)


def test_without_a_word_there_are_defaults(file: Path, tmp_path: Path) -> None:
    settings = read()

    assert settings.collection == tmp_path / "data" / "photos.lookalike"
    assert (settings.model, settings.projection, settings.cache) == ("auto", "auto", tmp_path / "cache")
    assert 1 <= settings.threads <= (os.cpu_count() or 1)


def test_argument_goes_before_environment_before_file_before_default(file: Path, tmp_path: Path) -> None:
    file.write_text('model = "fp32"\nthreads = 3\nprojection = "off"\ncollection = "in file"\ncache = "/cache"\n')
    environment = {"LOOKALIKE_MODEL": "int8", "LOOKALIKE_COLLECTION": "in environment", "LOOKALIKE_THREADS": "5"}

    settings = read(environment, collection="in argument", model=None)

    assert settings == Settings(
        collection=tmp_path / "in argument",
        model="int8",
        projection="off",
        engine="auto",
        recall=0.99,
        memory=None,
        threads=5,
        cache=Path("/cache"),
    )


def test_an_empty_variable_says_nothing(file: Path) -> None:
    assert read({"LOOKALIKE_MODEL": "", "LOOKALIKE_CONFIG": ""}).model == "auto"


def test_the_environment_is_that_of_the_process_unless_told_otherwise(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKALIKE_MODEL", "fp32")
    monkeypatch.delenv("LOOKALIKE_CONFIG", raising=False)

    assert read_settings().model == "fp32"


def test_another_file_can_be_named_and_must_be_there(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("threads = 3")
    (tmp_path / "other.toml").write_text("threads = 4")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert read({"LOOKALIKE_CONFIG": str(tmp_path / "other.toml")}).threads == 4
    assert read({"LOOKALIKE_CONFIG": "~/other.toml"}).threads == 4
    with pytest.raises(BadInput, match=r"LOOKALIKE_CONFIG names nothing\.toml, which is not there"):
        read({"LOOKALIKE_CONFIG": "nothing.toml"})


def test_folders_are_absolute_and_know_the_home_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")

    settings = read(collection="~/a", cache=Path("b"))

    assert (settings.collection, settings.cache) == (Path("/home/someone/a"), Path.cwd() / "b")
    assert read(collection="~nobody-of-that-name/a").collection == Path.cwd() / "~nobody-of-that-name/a"


@pytest.mark.parametrize(
    "content", [b"model = ", b"model = 'x'\nmodel = 'y'", b"\xff\xfe", b"[model]\nname = 'x'"], ids=str
)
def test_a_file_that_cannot_be_understood_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"lookalike\.toml"):
        read()


def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    file.mkdir()
    with pytest.raises(BadInput, match=r"lookalike\.toml cannot be read"):
        read()


def test_an_unknown_name_lists_the_known_ones(file: Path) -> None:
    with pytest.raises(
        BadInput,
        match="'colection'; correct it to one of allow_private_addresses, cache, collection, engine, keep_removed_days",
    ):
        read(colection="x")
    file.write_text("colour = 1")
    with pytest.raises(
        BadInput, match=r"'colour' in .*lookalike\.toml; correct it to one of allow_private_addresses, cache"
    ):
        read()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("threads", 0, "1 to 1024 threads"),
        ("threads", 1025, "1 to 1024 threads"),
        ("threads", "two", "1 to 1024 threads"),
        ("threads", 2.5, "1 to 1024 threads"),
        ("threads", True, "1 to 1024 threads"),
        ("projection", "on", "'auto' or 'off'"),
        ("projection", 1, "'auto' or 'off'"),
        ("model", 8, "a text for model"),
        ("model", "", "a text for model"),
        ("collection", "", "a text for collection"),
        ("collection", "zero\0byte", "a text for collection"),
        ("cache", 5, "a text for cache"),
    ],
)
def test_an_impossible_value_says_what_was_expected_and_where_it_came_from(
    file: Path, name: str, value: Any, expected: str
) -> None:
    with pytest.raises(BadInput, match=f"expected {expected}.* from the argument"):
        read(**{name: value})
    if isinstance(value, str) and value and "\0" not in value:
        with pytest.raises(BadInput, match=f"expected {expected}.* from LOOKALIKE_{name.upper()}"):
            read({f"LOOKALIKE_{name.upper()}": value})
    file.write_text(f"{name} = {json.dumps(value)}")  # of these values, JSON is TOML
    with pytest.raises(BadInput, match=rf"expected {expected}.* from .*lookalike\.toml"):
        read()


@pytest.mark.parametrize(("given", "size"), [("4G", 4 << 30), ("512 MiB", 512 << 20), (1000, 1000), ("1.5k", 1536)])
def test_memory_is_understood_as_people_write_it(given: Any, size: int) -> None:
    assert read({}, memory=given).memory == size


@pytest.mark.parametrize("given", ["", "much", "-1G", "0", "4 Gallons"])
def test_memory_that_is_no_size_is_refused_with_where_it_came_from(given: str) -> None:
    with pytest.raises(BadInput, match=r"expected a size such as 4G or 512M for memory, got .* from the argument"):
        read({}, memory=given)


@pytest.mark.parametrize("given", [0, -0.5, 1.01, "sure", True, float("nan")])
def test_a_recall_that_is_no_share_is_refused(given: Any) -> None:
    with pytest.raises(BadInput, match="expected a recall above 0 and at most 1"):
        read({}, recall=given)


def test_what_a_picture_may_cost_is_set_like_everything_else(file: Path) -> None:
    file.write_text('max_pixels = 400_000_000\nmax_bytes = "500M"\n')

    limits = read({"LOOKALIKE_MAX_DECODE_BYTES": "4G", "LOOKALIKE_MAX_EXPANSION": "9000"}).limits

    assert (limits.max_pixels, limits.max_bytes, limits.max_side) == (400_000_000, 500 * 2**20, 65_535)
    assert (limits.max_decode_bytes, limits.max_expansion) == (4 * 2**30, 9_000)
    assert read().limits.max_decode_bytes == DEFAULT_LIMITS.max_decode_bytes
    for name, value in (("MAX_PIXELS", "many"), ("MAX_BYTES", "0"), ("MAX_SIDE", "-1")):
        with pytest.raises(BadInput, match=f"LOOKALIKE_{name}"):
            read({f"LOOKALIKE_{name}": value})


def test_how_long_metadata_of_removed_pictures_is_kept_is_set_like_everything_else(file: Path) -> None:
    assert read().keep_removed_days == 90
    file.write_text("keep_removed_days = 30\n")
    assert read().keep_removed_days == 30
    assert read({"LOOKALIKE_KEEP_REMOVED_DAYS": "0"}).keep_removed_days == 0
    assert read(keep_removed_days=7).keep_removed_days == 7
    for wrong in ("-1", "soon", "40000"):
        with pytest.raises(BadInput, match="0 to 36500 days"):
            read({"LOOKALIKE_KEEP_REMOVED_DAYS": wrong})


def test_where_the_index_lives_is_set_like_everything_else_and_shown_nowhere(file: Path) -> None:
    url = "postgresql://me:hidden@127.0.0.1/vectors"
    assert read().vectors == ""
    file.write_text(f'vectors = "{url}"\n')
    assert read().vectors == url
    assert read({"LOOKALIKE_VECTORS": "postgresql://other/x"}).vectors == "postgresql://other/x"
    assert read(vectors="").vectors == ""
    assert "hidden" not in repr(read())
