"""What holds for every test: nothing stays open, logs stay as they were, disks that fail; CI skips nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

import lookalike  # noqa: F401  # before any library that would report to its maker
from tests.collections import close_catalogs
from tests.disks import disk_of, mount, unmount
from tests.unclosed import watch_connections

pytest_plugins = [
    "tests.servers.postgres",
    "tests.servers.rabbitmq",
    "tests.servers.s3",
    "tests.servers.vectors",
    "tests.servers.chain",
]

# Read when OpenMP is loaded, here and in processes that tests begin. By itself a thread of it that has nothing to do
# computes on for a while, which on a busy machine keeps from the processors whoever it waits for.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

hypothesis.settings.register_profile(
    "any machine", deadline=None
)  # a busy one takes longer for an example now and then
hypothesis.settings.load_profile("any machine")

watch_connections()


@pytest.fixture(autouse=True)
def no_catalog_stays_open() -> Iterator[None]:
    yield
    close_catalogs()


@pytest.fixture(autouse=True)
def logs_are_told_as_before() -> Iterator[None]:
    """A command that runs in this process sets what is logged and where to."""
    logger = logging.getLogger("lookalike")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


@pytest.fixture
def read_only_folder() -> Iterator[Callable[[Path], Path]]:
    """Makes a folder, as it is, one that cannot be written: by permission, or for root by a mount."""
    undo: list[Callable[[], object]] = []

    def protect(folder: Path) -> Path:
        if os.geteuid() == 0:
            mount("--bind", str(folder), str(folder))
            undo.append(lambda: unmount(folder))
            mount("-o", "remount,ro,bind", str(folder))
            return folder
        for path in [folder, *folder.rglob("*")]:
            mode = path.stat().st_mode
            undo.append(lambda path=path, mode=mode: path.chmod(mode))  # type: ignore[misc]  # bound now, not later
            path.chmod(mode & ~0o222)
        return folder

    yield protect
    for step in reversed(undo):
        step()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own, of 2 MiB."""
    with disk_of(tmp_path / "small disk", size_mb=2) as folder:
        yield folder


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With NOTHING_SKIPPED set, a skipped test is a failure: the machine lacks something that it was to have."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NOTHING_SKIPPED") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
