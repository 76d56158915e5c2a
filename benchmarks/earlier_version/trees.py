"""The sources of an earlier commit beside those of today, each run by the same Python with the same libraries."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.command import environment
from benchmarks.harness import CannotRun

_PROJECT = Path(__file__).parents[2]


class Took(NamedTuple):
    """What a process took, from its start to its end, in seconds.

    Attributes:
        whole: by the clock.
        processor: of all its threads and children, for itself and in the system.
    """

    whole: float
    processor: float


class Tree:
    """The sources of one commit.

    Args:
        sources: the folder in which the package lies.
    """

    def __init__(self, sources: Path) -> None:
        self._environment = {**environment(), "PYTHONPATH": str(sources)}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process compiles all sources again
        self.sources = sources

    def run(self, *arguments: str | Path) -> tuple[Took, str]:
        """Run the command; gives what it took, and its standard output.

        Raises:
            RuntimeError: when it fails.
        """
        return self._run(["-m", "lookalike", *map(str, arguments)])

    def run_program(self, program: Path, *arguments: str | Path) -> str:
        """Run a program that imports the package; gives its standard output.

        Raises:
            RuntimeError: when it fails.
        """
        return self._run([str(program), *map(str, arguments)])[1]

    def _run(self, arguments: list[str]) -> tuple[Took, str]:
        started, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        whole, after = time.perf_counter() - started, os.times()
        if done.returncode:
            raise RuntimeError(f"{arguments} of {self.sources} ended with {done.returncode}: {done.stderr[-2000:]}")
        processor = after.children_user + after.children_system - before.children_user - before.children_system
        return Took(whole, processor), done.stdout


def tree_of_today() -> Tree:
    """The sources that this file belongs to."""
    return Tree(_PROJECT / "src")


def tree_of(commit: str, folder: Path) -> Tree:
    """The sources of a commit, written into an empty folder.

    Raises:
        CannotRun: when the history is not here.
    """
    packed = subprocess.run(["git", "-C", str(_PROJECT), "archive", commit, "src"], capture_output=True, check=False)
    if packed.returncode:
        raise CannotRun(f"needs the history of the project, with the commit {commit}")
    subprocess.run(["tar", "--extract", "--directory", str(folder)], input=packed.stdout, check=True)
    return Tree(folder / "src")
