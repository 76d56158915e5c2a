"""A headless browser, found and run for a while."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.core.errors import ServiceDown

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
ELSEWHERE = (Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-extensions",
    "--proxy-server=127.0.0.1:9",  # nobody answers there; what is on this machine is asked without it
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_FOLDERS = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
"""Where a browser would write beside its profile."""
_LONGEST_TEMPORARY_FOLDER = 48  # bytes: 60 more come to it, and Linux bounds the path of a socket at 107
_SECONDS_TO_END = 10


def find_browser(named: Path | None = None) -> Path:
    """The browser that was named, else the first of the Chromium family that is installed.

    Raises:
        ServiceDown: when there is none.
    """
    installed = [Path(path) for path in map(shutil.which, NAMES) if path is not None]
    for candidate in [named] if named is not None else [*installed, *ELSEWHERE]:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    looked = str(named) if named is not None else ", ".join(NAMES)
    raise ServiceDown(f"no browser found (looked for {looked}): install Chromium, name one with --browser, or say none")


@contextmanager
def browsing(browser: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let a browser show a page until the block ends; then all of it is ended.

    It has an empty profile of its own, writes nowhere else, and asks nobody but this machine.

    Raises:
        ServiceDown: when the path of the folder for temporary files is too long for a browser.
    """
    _check_temporary_folder()
    with tempfile.TemporaryDirectory(prefix="lk-", ignore_cleanup_errors=True) as profile:
        alone = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
        arguments = [str(browser), *FLAGS, *alone, f"--user-data-dir={profile}", url]
        process = subprocess.Popen(  # noqa: S603 -- the user's own browser, with arguments of ours
            arguments,
            env={**os.environ, **dict.fromkeys(_FOLDERS, profile)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _end(process)


def _check_temporary_folder() -> None:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _LONGEST_TEMPORARY_FOLDER:
        raise ServiceDown(
            f"expected a folder for temporary files whose path has at most {_LONGEST_TEMPORARY_FOLDER} bytes, for a "
            f"browser keeps a socket there, got {folder}: set TMPDIR to a shorter one, or say --browser none"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser and the processes that it started: they are a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_SECONDS_TO_END)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
