"""On which devices folders lie: what is remembered, and what is told from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lookalike.ingest import devices
from lookalike.ingest.devices import UNKNOWN, Devices, device_of


@pytest.fixture
def lying(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Says on which device each folder lies; what is not named lies where the folder above does."""

    def put(placed: dict[str, str]) -> None:
        def device(folder: str) -> str:
            return next((placed[one] for one in (folder, *devices.folders_above(folder)) if one in placed), UNKNOWN)

        monkeypatch.setattr(devices, "device_of", device)

    return put


def remembered(before: dict[str, str], *tops: str, found: list[str], missing: tuple[str, ...] = ()) -> dict[str, str]:
    lacking = {folder for path in missing for folder in devices.folders_above(path)}
    return Devices(before).to_remember(tops, holding=map(os.path.dirname, found), lacking=lacking)


def test_one_entry_a_device_is_remembered_that_of_the_highest_folder(lying: Callable[[dict[str, str]], None]) -> None:
    lying({"/": "root", "/p/usb": "stick", "/p/usb/in/net": "net"})
    found = ["/p/1", "/p/a/2", "/p/a/b/3", "/p/usb/4", "/p/usb/in/5", "/p/usb/in/net/6", "/q/7"]
    assert remembered({}, "/p", "/q", found=found) == {
        "/p": "root",
        "/p/usb": "stick",
        "/p/usb/in/net": "net",
        "/q": "root",
    }
    assert remembered({"/": "root"}, "/p", "/p/usb", found=found[:5]) == {"/": "root", "/p/usb": "stick"}


def test_what_has_moved_to_the_device_of_the_folder_above_needs_no_entry(
    lying: Callable[[dict[str, str]], None],
) -> None:
    lying({"/": "root"})
    before = {"/p": "root", "/p/usb": "stick", "/elsewhere": "other"}
    assert remembered(before, "/p", found=["/p/usb/1"]) == {"/p": "root", "/elsewhere": "other"}


def test_a_folder_below_which_something_is_missing_stays_as_it_was_remembered(
    lying: Callable[[dict[str, str]], None],
) -> None:
    lying({"/": "root", "/p/usb": "new"})
    before = {"/p": "root", "/p/usb": "old"}
    found = ["/p/1", "/p/usb/2"]
    assert remembered(before, "/p", found=found, missing=("/p/usb/deep/3",)) == before
    assert remembered(before, "/p", found=found, missing=("/p/usb2/3", "/p/us")) == {"/p": "root", "/p/usb": "new"}
    assert remembered({}, "/p", found=found, missing=("/p/3",)) == {"/p/usb": "new"}


def test_a_file_that_was_named_itself_is_remembered_with_no_folder(lying: Callable[[dict[str, str]], None]) -> None:
    lying({"/": "root"})
    assert remembered({}, "/p/1", found=["/p/1"]) == {}


def test_the_highest_folder_on_another_device_is_told(lying: Callable[[dict[str, str]], None]) -> None:
    lying({"/": "root", "/p/usb": "new", "/p/usb/in": "deep"})
    assert Devices({"/p": "root"}).elsewhere("/p/usb/in/x/1") == "/p/usb"
    assert Devices({"/p": "root", "/p/usb": "new"}).elsewhere("/p/usb/in/x/1") == "/p/usb/in"
    assert Devices({"/p": "root", "/p/usb": "old"}).elsewhere("/p/usb/1") == "/p/usb"
    assert Devices({"/p": "root", "/p/usb": "new"}).elsewhere("/p/usb/1") is None
    assert Devices({"/p/u": "old"}).elsewhere("/p/usb/1") is None
    assert Devices({}).elsewhere("/p/usb/1") is None


@pytest.mark.parametrize("how", ["it has none", "no such call", "it fails"])
def test_where_the_system_tells_no_device_nothing_is_known_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def fails(path: str) -> object:
        raise PermissionError(path)

    if how == "no such call":
        monkeypatch.delattr(os, "statvfs")
    else:
        monkeypatch.setattr(os, "statvfs", fails if how == "it fails" else lambda path: SimpleNamespace(f_fsid=0))
    assert device_of(str(tmp_path)) == UNKNOWN
    file = str(tmp_path / "1.png")
    assert Devices({str(tmp_path): "old"}).elsewhere(file) is None
    assert remembered({str(tmp_path): "old"}, str(tmp_path), found=[file]) == {str(tmp_path): "old"}


def test_a_folder_that_is_not_there_lies_on_no_device(tmp_path: Path) -> None:
    assert device_of(str(tmp_path / "nowhere")) == device_of("\0") == UNKNOWN
    assert device_of(str(tmp_path)) == device_of(str(tmp_path)) != UNKNOWN
