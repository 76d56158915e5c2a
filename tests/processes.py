"""Other Pythons, to which a test talks by lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def python(*arguments: object) -> subprocess.Popen[str]:
    """Another Python that is told by its standard input and tells by its standard output; `tests` can be imported."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )


def next_line(process: subprocess.Popen[str]) -> str:
    """What it prints next; '' when it ended."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ended(process: subprocess.Popen[str]) -> int:
    """Its exit code, once it has ended; its standard input is closed."""
    process.communicate(timeout=60)
    return process.returncode


def go(process: subprocess.Popen[str]) -> None:
    """Let it begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def output(process: subprocess.Popen[str]) -> list[str]:
    """All that it still prints, once it ended well."""
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text.split()
