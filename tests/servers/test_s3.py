"""The S3 servers that other tests talk to keep what they have, and leave nothing behind."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from chain.debian_programs import ProgramsMissing, unpack_programs
from chain.s3_server import S3Server
from lookalike.core.errors import ServiceDown
from lookalike.objects.s3 import S3Objects
from tests.servers.s3 import new_bucket
from tests.waiting import eventually


def processes_in(folder: Path) -> list[str]:
    """Those that work in a folder, or are told of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_told = str(folder).encode() in process.joinpath("cmdline").read_bytes()
            if is_told or process.joinpath("cwd").resolve() == folder:
                found.append(process.name)
        except OSError:
            continue
    return found


def test_what_was_kept_is_there_after_a_kill_and_a_stop_and_nothing_of_it_goes_on(any_s3_server: S3Server) -> None:
    objects = S3Objects(new_bucket(any_s3_server))
    object_id = objects.put(b"a picture")
    for end in (any_s3_server.kill, any_s3_server.stop):
        assert processes_in(any_s3_server.folder)
        end()
        end()
        eventually(lambda: not processes_in(any_s3_server.folder))
        with pytest.raises(ServiceDown):
            objects.has(object_id)
        any_s3_server.start()
        assert objects.get(object_id) == b"a picture"


def test_programs_that_cannot_be_had_are_told_and_tried_again_another_time(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ProgramsMissing, match="packages"):
            unpack_programs(["no-such-package-anywhere"], tmp_path)
    assert not (tmp_path / "root").exists()


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no Debian")
def test_what_was_unpacked_is_taken_as_it_is_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = unpack_programs(["hostname"], tmp_path)
    assert (root / "bin/hostname").exists() or (root / "usr/bin/hostname").exists()

    def unasked(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be run")

    monkeypatch.setattr(subprocess, "run", unasked)
    assert unpack_programs(["hostname"], tmp_path) == root
