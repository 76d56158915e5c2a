"""The file of keys: read, changed in one step, and refused where it is damaged."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lookalike.core.errors import BadInput, NotFound, StorageFailed
from lookalike.service.access.key_file import add_key, change_keys, read_keys, revoke_key
from lookalike.service.access.keys import opens
from lookalike.service.access.principal import Scope

NOW = 1_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings" / "keys.json"


def added(path: Path, name: str = "phone", **more: Any) -> tuple[str, str]:
    """Id and key of a new one."""
    kept, key = add_key(path, name, **{"scopes": [Scope.READ], "now": NOW, **more})
    return kept.id, key


def test_a_key_that_was_kept_opens(path: Path) -> None:
    first, key = added(path, collections=["shoes", "photos"], expires=NOW + 90.0)
    second, _ = added(path, "tablet", scopes=[Scope.ADMIN])
    keys, _signature = read_keys(path)
    assert set(keys) == {first, second}
    assert opens(key, keys, now=NOW) == keys[first]
    assert keys[first].principal.collections == {"photos", "shoes"}
    assert (keys[first].created, keys[first].expires, keys[first].revoked) == (NOW, NOW + 90, None)
    assert keys[second].collections is None


def test_a_revoked_key_opens_no_more_and_keeps_its_first_end(path: Path) -> None:
    key_id, key = added(path)
    revoke_key(path, key_id, now=NOW + 1)
    revoke_key(path, key_id, now=NOW + 2)
    keys, _ = read_keys(path)
    assert keys[key_id].revoked == NOW + 1
    assert opens(key, keys, now=NOW) is None


def test_an_unknown_key_cannot_be_revoked(path: Path) -> None:
    added(path)
    with pytest.raises(NotFound, match="00000000"):
        revoke_key(path, "00000000", now=NOW)


def test_the_file_is_its_owners_alone_and_holds_no_secret(path: Path) -> None:
    _, key = added(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key[12:] not in path.read_text()
    path.chmod(0o644)
    added(path, "other")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_is_replaced_in_one_step_and_nothing_stays_behind(path: Path) -> None:
    added(path)
    with path.open() as before:
        added(path, "other")
        assert len(json.load(before)["keys"]) == 1  # who has it open goes on reading the old one
    assert {entry.name for entry in path.parent.iterdir()} == {"keys.json", "keys.json.lock"}


def test_a_link_to_the_file_stays_one(path: Path, tmp_path: Path) -> None:
    added(path)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    added(link, "other")
    assert link.is_symlink()
    assert len(read_keys(path)[0]) == 2


def test_keys_that_are_made_at_once_are_all_kept(path: Path) -> None:
    threads = [threading.Thread(target=added, args=(path, f"n{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in read_keys(path)[0].values()} == {f"n{n}" for n in range(8)}


def test_a_change_that_fails_changes_nothing(path: Path) -> None:
    added(path)
    before = path.read_bytes()

    def fail(_: object) -> list[Any]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        change_keys(path, fail)
    assert path.read_bytes() == before


def test_nothing_is_made_beside_a_file_that_is_no_file_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[1, 2]")
    with pytest.raises(BadInput, match="another kind of file"):
        added(path)
    assert os.listdir(tmp_path) == ["list.json"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="cannot be written"):
        added(tmp_path / "file" / "keys.json")


def test_a_missing_file_tells_how_to_make_one(path: Path) -> None:
    with pytest.raises(BadInput, match="lookalike key add NAME"):
        read_keys(path)


def test_a_file_that_anybody_may_write_is_refused(path: Path) -> None:
    added(path)
    path.chmod(0o666)
    with pytest.raises(BadInput, match="chmod 600"):
        read_keys(path)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(BadInput):
            read_keys(path)


def entry_with(**changed: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["keys"][0].update(changed)


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda document: document.update(version=2),
    "no version": lambda document: document.pop("version"),
    "no keys": lambda document: document.pop("keys"),
    "keys are no list": lambda document: document.update(keys={"a": 1}),
    "a key is a text": lambda document: document["keys"].append("key"),
    "a key is null": lambda document: document["keys"].append(None),
    "the same id twice": lambda document: document["keys"].append(dict(document["keys"][0])),
    "a field too many": entry_with(admin=True),
    "a field too few": lambda document: document["keys"][0].pop("revoked"),
    "an unknown scope": entry_with(scopes=["wriet"]),
    "scopes are a text": entry_with(scopes="read"),
    "collections are a text": entry_with(collections="photos"),
    "a collection is a path": entry_with(collections=["../photos"]),
    "an id is a number": entry_with(id=12345678901),
    "a short hash": entry_with(sha256="ab"),
    "a hash that is none": entry_with(sha256="z" * 64),
    "no name": entry_with(name=""),
    "never made": entry_with(created=None),
    "an end without a zone": entry_with(expires="2030-01-01T00:00:00"),
    "an end that is no time": entry_with(expires="soon"),
    "an end that is a number": entry_with(expires=1e12),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_an_error_that_names_it(path: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    added(path)
    document = json.loads(path.read_text())
    damage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=r"keys\.json are damaged"):
        read_keys(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b"1" * 10_000], ids=repr)
def test_what_is_no_json_is_an_error_that_names_it(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"keys\.json are damaged"):
        read_keys(path)


def test_a_damaged_file_is_not_written_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("lk_00000000_secret")
    with pytest.raises(BadInput) as caught:
        added(path)
    assert path.read_text() == "lk_00000000_secret"
    assert "lk_0" not in str(caught.value)
