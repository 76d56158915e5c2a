"""Programs of Debian's packages, unpacked into a folder of ours: nothing is installed, nobody need be root."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chain.server import ServerFailed

_INSTALLED = re.compile(r"^Inst (\S+)", re.MULTILINE)
_WANTED = re.compile(r"(lib|ceph|radosgw)[^:]*")  # tools and interpreters that packages recommend are not run
_DONE = "unpacked"


class ProgramsMissing(ServerFailed):
    """The programs of a server cannot be had on this machine."""


def cache_folder() -> Path:
    """Where what was downloaded is kept for the next time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lookalike-chain"


def unpack_programs(packages: Sequence[str], folder: Path) -> Path:
    """Download what a machine lacks of some packages, and unpack it. Does nothing where that was done; safe at once.

    Args:
        packages: names.
        folder: where it is kept, also for the next time.
    Returns:
        the root of what was unpacked; programs lie in `usr/bin` there.
    Raises:
        ProgramsMissing: when this is no Debian or Ubuntu, or the packages cannot be had.
    """
    root = folder / "root"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _DONE).exists():
            shutil.rmtree(root, ignore_errors=True)
            _download(packages, folder / "packages")
            for package in sorted((folder / "packages").glob("*.deb")):
                _output(["dpkg-deb", "-x", package, root], folder)
            (folder / _DONE).write_text("\n".join(packages))
            shutil.rmtree(folder / "packages")
    return root


def environment_of(root: Path) -> dict[str, str]:
    """The environment in which programs that were unpacked find their libraries."""
    libraries = [root / "usr/lib", *(root / "usr/lib").glob("*-linux-gnu*"), *(root / "lib").glob("*-linux-gnu*")]
    libraries += [path / "ceph" for path in libraries if (path / "ceph").is_dir()]
    return {
        "PATH": os.pathsep.join([str(root / "usr/bin"), os.environ["PATH"]]),
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
        "LANG": "C.UTF-8",
    }


def _download(packages: Sequence[str], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    plan = _output(["apt-get", "install", "--simulate", "--no-install-recommends", *packages], folder)
    lacking = [one for one in _INSTALLED.findall(plan) if _WANTED.fullmatch(one)]
    # also what is installed already, for a part of it may be of another version than the rest
    _output(["apt-get", "download", "-q", *sorted({*lacking, *packages})], folder)


def _output(command: Sequence[str | Path], folder: Path) -> str:
    """What a command printed.

    Raises:
        ProgramsMissing: when there is none, or it failed.
    """
    arguments = [str(one) for one in command]
    try:
        done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramsMissing(
            f"{arguments[0]} was to get packages of Debian, but: {error}; run it on Debian"
        ) from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise ProgramsMissing(f"{' '.join(arguments[:2])} was to get packages, but: {last}; run apt-get update first")
    return done.stdout
