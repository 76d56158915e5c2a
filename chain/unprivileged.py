"""Programs that refuse to run as root: they run as `nobody`, which every system has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chain.server import ServerFailed

USER = "nobody"


def user_options() -> dict[str, Any]:
    """What `subprocess` is told so that a program does not run as root; nothing where this process is not root."""
    if os.geteuid() != 0:
        return {}
    found = pwd.getpwnam(USER)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def give_over(folder: Path) -> None:
    """Make a folder that belongs to whoever the program runs as, and to nobody else.

    Raises:
        ServerFailed: when that user cannot come to it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = user_options()
    if options:
        check_reachable(folder.parent)
        os.chown(folder, options["user"], options["group"])


def give_file_over(path: Path) -> None:
    """Make a file one that only whoever the program runs as may read."""
    path.chmod(0o600)
    options = user_options()
    if options:
        os.chown(path, options["user"], options["group"])


def check_reachable(path: Path) -> None:
    """See that the user can come to a place.

    Raises:
        ServerFailed: when a folder on the way is closed to others.
    """
    closed = [one for one in (path, *path.parents) if one.is_dir() and not one.stat().st_mode & 0o001]
    if user_options() and closed:
        raise ServerFailed(
            f"expected folders that the user {USER} can come through, but {closed[-1]} is closed to others: "
            "choose another folder, such as one of chain.unprivileged.open_folder()"
        )


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder in the place for temporary files that others can come through; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="lookalike-chain-"))
    try:
        folder.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_program(command: Sequence[str | Path], *, timeout_s: float = 120) -> str:
    """Run a program to its end, not as root; what it printed.

    Raises:
        ServerFailed: when it fails, with the end of what it said.
    """
    done = subprocess.run(
        [str(one) for one in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        timeout=timeout_s,
        check=False,
        **user_options(),
    )
    said: str = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise ServerFailed(f"{command[0]} ended with {done.returncode}: {said[-500:].strip()}")
    return said
