"""An environment of its own that holds Lookalike and what it requires: a fresh machine, without the network.

What is here already is linked into it, so that it takes a second. What is not linked is really not there: neither to
`import` nor to `importlib.metadata`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


class BareEnvironment:
    """A Python with Lookalike as its source is, and these of its extras.

    Args:
        place: a folder to make it in.
        extras: names of extras.
    """

    def __init__(self, place: Path, *, extras: Iterable[str] = ()) -> None:
        venv.create(place, symlinks=True, with_pip=False)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.site_packages = place / "lib" / version / "site-packages"
        self.python = place / "bin" / "python"
        self.names = set(required_by("lookalike", extras))
        for entry in {entry for name in self.names for entry in _entries(name)}:
            self._link(entry)
        (self.site_packages / "lookalike-source.pth").write_text(f"{ROOT / 'src'}\n")

    def _link(self, entry: Path) -> None:
        with_same_name = self.site_packages / entry.name
        if not with_same_name.exists():
            with_same_name.symlink_to(entry, target_is_directory=entry.is_dir())

    def run(self, *arguments: str | os.PathLike[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run this Python with these arguments."""
        return subprocess.run([self.python, *arguments], input=stdin, capture_output=True, check=False, env=self.env)

    @property
    def env(self) -> dict[str, str]:
        """The variables of its processes: nothing leads back to the environment that the tests run in."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {**kept, "VIRTUAL_ENV": str(self.python.parent.parent)}


def required_by(name: str, extras: Iterable[str]) -> Iterator[str]:
    """The distributions that one with these extras needs, and itself, each once."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra) for extra in ("", *extras)]
    told: set[str] = set()
    while waiting:
        one, extra = waiting.pop()
        if (one, extra) in seen:
            continue
        seen.add((one, extra))
        if one not in told:
            told.add(one)
            yield one
        for line in distribution(one).requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                waiting += [(wanted.name, inner) for inner in ("", *wanted.extras)]


def _entries(name: str) -> set[Path]:
    """What a distribution has in `site-packages`; not what lies elsewhere, such as programs."""
    found = distribution(name)
    firsts = {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}
    return {entry for first in firsts if (entry := Path(str(found.locate_file(first)))).exists()}


if __name__ == "__main__":
    environment = BareEnvironment(Path(sys.argv[1]), extras=sys.argv[2:])
    print(environment.python, len(environment.names))
