"""What a collection, a service and the cache keep on a disk is for their owner alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike
from lookalike.models.store import default_model
from lookalike.service.access.key_file import add_key, read_keys
from lookalike.service.access.principal import Scope
from tests.collections import album, png
from tests.scattered_models import whole_model, write
from tests.services import running, sha256, token
from tests.unit.service.api.test_uploads import UPLOADS, WRITER, ask, uploaded
from tests.unit.storage.modes import mode_of, open_to_others, open_up


@pytest.fixture(autouse=True)
def lax() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def made(tmp_path: Path) -> Path:
    """A collection with everything that one can have."""
    album(tmp_path / "pictures")
    model = write(whole_model(), tmp_path / "m.onnx")
    with lookalike.open(tmp_path / "c", model=model) as photos:
        photos.index(tmp_path / "pictures")
        photos.add(png(77))
        photos.search(png(1), collapse="group")
        photos.rebuild()
    return tmp_path / "c"


def test_a_collection_is(tmp_path: Path) -> None:
    folder = made(tmp_path)

    assert {"catalog.sqlite", "objects", "snapshots"} <= {path.name for path in folder.iterdir()}
    assert open_to_others(folder) == []


def test_one_that_was_open_is_closed_to_others_when_it_is_opened(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder / "catalog.sqlite-journal").touch()
    open_up(folder)

    lookalike.open(folder, read_only=True, model=tmp_path / "m.onnx").close()
    assert mode_of(folder) == 0o777, "who only reads changes nothing"
    lookalike.open(folder, model=tmp_path / "m.onnx").close()

    assert mode_of(folder) == 0o700
    for name in ("catalog.sqlite", "catalog.sqlite-journal", "catalog.sqlite.lock"):
        assert mode_of(folder / name) == 0o600
    assert (mode_of(folder / "objects"), mode_of(folder / "snapshots")) == (0o700, 0o700)


def test_further_models_are(tmp_path: Path) -> None:
    with lookalike.open(tmp_path / "c") as photos:
        photos.add_model("further", write(whole_model(), tmp_path / "m.onnx"))

    assert list((tmp_path / "c" / "models").iterdir())
    assert open_to_others(tmp_path / "c") == []


def test_the_cache_of_models_is(tmp_path: Path) -> None:
    model = default_model(cache_dir=tmp_path / "cache")
    assert model.path is not None
    assert open_to_others(tmp_path / "cache") == []

    model.path.chmod(0o644)
    default_model(cache_dir=tmp_path / "cache")
    assert mode_of(model.path) == 0o600


def test_a_service_s_folder_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, home=home / "made by itself") as served:
        uploaded(served, png(51))
        ask(served, png(52))
        done = uploaded(served, png(53))
        served.client.post(f"{UPLOADS}/{done['id']}/complete", json={"sha256": sha256(png(53))}, headers=WRITER)
        kept = {path.name for path in served.service.settings.home.iterdir()}

        assert {"service.sqlite", "signing.key"} <= kept
        assert open_to_others(served.service.settings.home) == []
        staged = [path for path in home.rglob("staged") if list(path.iterdir())]
        assert staged
        assert [line for path in staged for line in open_to_others(path.parent)] == []


def test_collections_that_a_service_makes_are(tmp_path: Path) -> None:
    with running(tmp_path / "home", home=tmp_path / "made by itself") as served:
        reply = served.client.put("/v1/collections/made", headers=token("admin"))
        assert reply.status_code == 201, reply.text
        folder = served.service.settings.home / "collections"
        assert (mode_of(folder), mode_of(folder / "made")) == (0o700, 0o700)


def test_folders_of_the_service_and_its_keys_that_were_there_keep_their_mode_and_what_is_in_them_is(
    tmp_path: Path,
) -> None:
    home, keys = tmp_path / "s" / "empty", tmp_path / "keys"
    for folder in (home.parent, home, keys):
        folder.mkdir(mode=0o755)
    add_key(keys / "keys.json", name="phone", scopes={Scope.READ}, now=0.0)
    with running(home.parent, home=home):
        assert mode_of(home) == 0o755
        assert {mode_of(home / name) for name in ("service.sqlite", "signing.key")} == {0o600}
    assert (mode_of(keys), mode_of(keys / "keys.json")) == (0o755, 0o600)


def test_keys_are_also_when_a_hand_has_made_them_readable(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add_key(path, name="phone", scopes={Scope.READ}, now=0.0)
    path.chmod(0o644)

    read_keys(path)

    assert mode_of(path) == 0o600
