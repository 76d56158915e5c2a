"""A copy of the source, into which something is added as a newcomer would, and another Python that runs on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TOYS = Path(__file__).parent / "toys"


class SourceCopy:
    """The package in a folder of its own.

    Args:
        folder: where to put it; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._package = folder / "lookalike"
        source = ROOT / "src" / "lookalike"
        shutil.copytree(source, self._package, ignore=shutil.ignore_patterns("__pycache__", "page"))

    def add_file(self, path: str, toy: str) -> None:
        """Put a toy where the page says that such a file belongs; `path` is below the package."""
        assert not (self._package / path).exists()
        (self._package / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOYS / toy, self._package / path)

    def replace(self, path: str, old: str, new: str) -> None:
        """Change the only place in a file of the package where `old` stands."""
        replace_once(self._package / path, old, new)

    def changed_test(self, path: str, old: str, new: str, *, first: str) -> Path:
        """A copy of a file of tests in which one place is changed, and `first` stands before our first import."""
        copy = self.folder / Path(path).name
        shutil.copy(ROOT / path, copy)
        replace_once(copy, old, new)
        before, ours, after = copy.read_text("utf-8").partition("from lookalike.")
        copy.write_text(before + first + ours + after, "utf-8")
        return copy

    def copy_tests(self) -> Path:
        """A copy of all tests, which stands before them: for a suite whose engines stand in another file."""
        copy = self.folder / "tests"
        shutil.copytree(ROOT / "tests", copy, ignore=shutil.ignore_patterns("__pycache__"))
        return copy

    def run(self, *arguments: str) -> str:
        """What another Python writes that takes the package from here.

        Args:
            arguments: of Python: `-c` and a program, or `-m` and a module with what it takes.
        Raises:
            AssertionError: when it fails; with all that it has written.
        """
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(self.folder), str(ROOT)))}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def replace_once(file: Path, old: str, new: str) -> None:
    """Change the only place in a file where `old` stands."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"expected {old!r} once in {file.name}, found it {text.count(old)} times"
    file.write_text(text.replace(old, new), "utf-8")
