"""Disks of their own for tests that want one, by mounting, where this machine allows that."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


def mount(*arguments: str) -> None:
    """Call `mount`; skip the test where that is not allowed."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine does not mount: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    """Take a disk away, also from whoever uses it."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def disk_of(folder: Path, *, size_mb: int) -> Iterator[Path]:
    """A folder on a disk of its own, of so many MiB; the test is skipped for who may not mount one."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        unmount(folder)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No byte is free there until the block ends."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))
    try:
        yield
    finally:
        filler.unlink()
