"""Disks of their own for tests that want one, by mounting, where this machine allows that."""

from __future__ import annotations

import subprocess
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
