"""Whose business it is what lies on a disk: its owner's, and a group's where that was said."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.storage.private import database_files, keep_private, make_private
from tests.unit.storage.modes import mode_of


@pytest.fixture(autouse=True)
def lax() -> Iterator[None]:
    """As careless a machine as there is: what is made without a thought is open to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_others_lose_what_they_may_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o664)
    (tmp_path / "folder").mkdir(mode=0o777)

    for _ in range(2):
        keep_private(tmp_path / "file", tmp_path / "folder", tmp_path / "not there")

    assert (mode_of(tmp_path / "file"), mode_of(tmp_path / "folder")) == (0o600, 0o700)


def test_what_the_owner_may_not_do_stays_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o444)
    keep_private(tmp_path / "file")
    assert mode_of(tmp_path / "file") == 0o400


def test_a_folder_that_is_shared_with_a_group_is_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o770 | stat.S_ISGID)
    (shared / "file").touch(mode=0o660)

    keep_private(shared, shared / "file")

    assert (mode_of(shared), mode_of(shared / "file")) == (0o770 | stat.S_ISGID, 0o660)


def test_a_folder_is_made_with_those_above_it_and_none_is_open_to_others(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o755)

    for _ in range(2):
        make_private(tmp_path / "there" / "new" / "newer" / "newest")

    made = tmp_path / "there" / "new"
    assert [mode_of(one) for one in (made, made / "newer", made / "newer" / "newest")] == [0o700] * 3
    assert mode_of(tmp_path / "there") == 0o755


def test_the_folder_within_which_one_is_made_must_be_there(tmp_path: Path) -> None:
    there = tmp_path / "there"
    for new in (there / "new", there / "new" / "newer"):
        with pytest.raises(FileNotFoundError):
            make_private(new, within=there)
    assert not there.exists()

    there.mkdir()
    make_private(there / "new" / "newer", within=there)
    assert (there / "new" / "newer").is_dir()


def test_no_folder_is_made_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_private(tmp_path / "file" / "new" / "newer")
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")


def test_a_link_does_not_lead_to_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch(mode=0o644)
    (tmp_path / "link").symlink_to("theirs")

    keep_private(tmp_path / "link")

    assert mode_of(tmp_path / "theirs") == 0o644


def test_the_journals_of_a_database_belong_to_it(tmp_path: Path) -> None:
    assert {path.name for path in database_files(tmp_path / "c.sqlite")} == {
        "c.sqlite", "c.sqlite-journal", "c.sqlite-wal", "c.sqlite-shm", "c.sqlite.lock"
    }  # fmt: skip
