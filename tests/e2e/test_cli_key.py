"""`lookalike key`: what it makes, the service's door takes; what it must not show, it does not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lookalike.service.access.key_file import read_keys
from lookalike.service.access.keys import opens
from lookalike.service.access.principal import Scope
from tests.e2e.conftest import Command


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_printed_once_and_opens(command: Command, path: Path) -> None:
    outcome = command(
        "key", "add", "phone", "--scope", "write", "--collection", "photos", "-c", "shoes", "--expires", "90d",
        "--keys", path,
    )  # fmt: skip
    key = outcome.text.removesuffix("\n")
    kept = opens(key, read_keys(path)[0], now=time.time())
    assert kept is not None
    assert (kept.name, kept.scopes, kept.collections) == ("phone", {Scope.WRITE}, {"photos", "shoes"})
    assert kept.expires is not None
    assert kept.expires == pytest.approx(time.time() + 90 * 86_400, abs=120)
    assert key not in outcome.stderr
    assert key[12:] not in path.read_text()
    assert key[12:] not in command("key", "list", "--keys", path).text


def test_the_least_is_granted_if_nothing_is_said(command: Command, path: Path) -> None:
    facts = json.loads(command("key", "add", "phone", "--json", "--keys", path).stdout)
    assert re.fullmatch(r"lk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", facts.pop("key"))
    assert facts.pop("id")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", facts.pop("created"))
    assert facts == {"name": "phone", "scopes": ["read"], "collections": None, "expires": None, "revoked": None}


def test_keys_are_listed_and_revoked(command: Command, path: Path) -> None:
    key = command("key", "add", "phone", "--keys", path).text.strip()
    command("key", "add", "tablet", "--scope", "admin", "--keys", path)
    listed = json.loads(command("key", "list", "--json", "--keys", path).stdout)["keys"]
    assert [entry["name"] for entry in listed] == ["phone", "tablet"]
    assert not any({"sha256", "key"} & set(entry) for entry in listed)
    revoked = command("key", "revoke", key[3:11], "--json", "--keys", path)
    assert json.loads(revoked.stdout) == {"revoked": key[3:11]}
    assert opens(key, read_keys(path)[0], now=time.time()) is None
    shown = command("key", "list", "--keys", path)
    assert f"{key[3:11]}  phone: read; all collections; revoked 2" in shown.text
    assert "without end" in shown.text
    assert "2 keys" in shown.stderr


def test_a_whole_key_may_be_given_to_revoke_it_and_is_not_repeated(command: Command, path: Path) -> None:
    key = command("key", "add", "phone", "--keys", path).text.strip()
    wrong = command("key", "revoke", key + "x", "--keys", path)
    right = command("key", "revoke", key, "--keys", path)
    assert (wrong.code, right.code) == (65, 0)
    assert key[12:] not in wrong.stderr + right.stderr


def test_without_a_path_the_users_settings_hold_the_keys(command: Command, tmp_path: Path) -> None:
    command("key", "add", "phone")
    assert set(read_keys(tmp_path / "no settings" / "lookalike" / "keys.json")[0])


def test_no_keys_are_no_error(command: Command, path: Path) -> None:
    outcome = command("key", "list", "--keys", path)
    assert (outcome.code, outcome.stdout) == (0, b"")
    assert not path.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["key"],
        ["key", "add"],
        ["key", "add", "a", "b"],
        ["key", "list", "a"],
        ["key", "revoke"],
        ["key", "list", "--scope", "read"],
        ["key", "revoke", "00000000", "--collection", "photos"],
        ["key", "add", "a", "--scope", "root"],
        ["--collection", "photos", "key", "add", "a"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused_and_makes_no_key(command: Command, path: Path, arguments: list[str]) -> None:
    assert command(*arguments, "--keys", path).code == 2
    assert not path.exists()


@pytest.mark.parametrize("content", [b"my diary", b"", b"{}", b'{"version": 1, "keys": "mine"}', b"\x89PNG\r\n"])
@pytest.mark.parametrize("arguments", [["add", "a"], ["revoke", "00000000"], ["list"]], ids=lambda one: one[0])
def test_a_file_that_holds_no_keys_stays_as_it_is(
    command: Command, path: Path, arguments: list[str], content: bytes
) -> None:
    path.write_bytes(content)
    path.chmod(0o644)
    outcome = command("key", *arguments, "--keys", path)
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (content, 0o644)


def test_no_key_is_kept_where_a_dead_link_leads(command: Command, path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere.json")
    outcome = command("key", "add", "a", "--keys", path)
    assert (outcome.code, outcome.stdout) == (65, b"")
    assert "a link to" in outcome.stderr
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["add", "a:b"], 65),
        (["add", "loopback"], 65),
        (["add", "a", "--collection", "../photos"], 65),
        (["add", "a", "--expires", "tomorrow"], 65),
        (["add", "a", "--expires", "2001-01-31"], 65),
        (["revoke", "zz"], 65),
        (["revoke", "00000000"], 1),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(command: Command, path: Path, arguments: list[str], code: int) -> None:
    outcome = command("key", *arguments, "--keys", path)
    assert (outcome.code, outcome.stdout) == (code, b"")
    assert outcome.stderr.startswith("lookalike: ")


def test_keys_are_made_without_the_libraries_of_the_service(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lookalike", "key", "add", "phone", "--keys", path],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {name.strip().partition(".")[0] for name in re.findall(r"\|[^|]*\|(.*)", done.stderr)}
    assert not imported & {"cryptography", "fastapi", "jwt", "limits", "numpy", "starlette", "uvicorn"}
