"""Write `docs/reference/licences.md` of what is installed and of `web/package-lock.json`: `python -m supply.licences`.

Needs every extra that runs (`pip install '.[all,chain,gpu]'`), for a package itself says under which licence it comes.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "licences.md"
NOT_AT_RUN_TIME = {"all", "test", "lint", "bench"}

STRONG = re.compile(
    r"\bA?GPL(?!-[\d.]+(?:-only|-or-later)? WITH )|(?<!Lesser )(?<!Library )General Public License", re.I
)
"""Copyleft that reaches the program that a library is linked into; not where it says (`WITH`) that it does not."""

BUNDLED = {
    "pillow-heif": "Its wheels bundle libheif and libde265 (LGPL-3.0) and x265 (GPL-2.0-or-later), which is strong "
    "copyleft. Who passes on a program together with them passes it on under the GPL. No other extra needs it.",
    "opencv-python-headless": "Its wheels bundle FFmpeg (LGPL-2.1-or-later).",
    "torch": "Builds for graphics cards bring NVIDIA's libraries, which are proprietary and are not listed here.",
}
"""What wheels hold that the licence of the package itself does not tell."""

_SHORT = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "3-Clause BSD License": "BSD-3-Clause",
    "Python Software Foundation License": "PSF-2.0",
}


class Licence(NamedTuple):
    """A package and the licence that it names."""

    package: str
    licence: str


def python_licences() -> dict[str, list[Licence]]:
    """By extra what it brings beside the packages that come without any; '' are those.

    Raises:
        LookupError: when something is not installed.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    always = _closure(map(Requirement, project["dependencies"]))
    found = {"": _licences(always)}
    for extra, lines in sorted(project["optional-dependencies"].items()):
        if extra not in NOT_AT_RUN_TIME:
            found[extra] = _licences(_closure(map(Requirement, lines)) - always)
    return found


def page_licences() -> list[Licence]:
    """What the page bundles: the packages of the lock file that are not for development alone."""
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    return sorted(
        Licence(place.rpartition("node_modules/")[2], one.get("license", "not told"))
        for place, one in packages.items()
        if place and not one.get("dev") and not one.get("optional")
    )


def page() -> str:
    """The whole document."""
    parts = [_HEAD]
    for extra, licences in python_licences().items():
        title = f"With the extra `{extra}`" if extra else "With every installation"
        parts.append(f"## {title}\n\n{_table(licences)}")
    parts.append(f"## In the search page\n\n{_table(page_licences())}")
    return "\n".join(parts)


def strong_copyleft(licences: Iterable[Licence]) -> list[Licence]:
    """Those whose licence reaches the program that uses them."""
    return [one for one in licences if STRONG.search(one.licence)]


def licence_of(package: str) -> str:
    """What an installed package says of its licence.

    Raises:
        LookupError: when it is not installed.
    """
    try:
        told = metadata.metadata(package)
    except metadata.PackageNotFoundError as error:
        raise LookupError(f"{package} is not installed: pip install --editable '.[all,chain,gpu]'") from error
    classified = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or [] if line.startswith("License")]
    (named, *_), (expression, *_) = told.get_all("License") or [""], told.get_all("License-Expression") or [""]
    licence = expression or ", ".join(classified) or (named.strip().splitlines() or [""])[0][:80]
    if licence in ("", "UNKNOWN"):
        licence = _of_its_file(package)
    return ", ".join(_SHORT.get(one, one) for one in licence.split(", "))


def _of_its_file(package: str) -> str:
    """By the text that lies in the package, where nothing else tells."""
    texts = [one.read_text() for one in metadata.files(package) or [] if one.name.startswith("LICEN")]
    return "Apache-2.0" if any(re.search(r"Apache License,?\s+Version 2\.0\b", text) for text in texts) else "not told"


def _closure(requirements: Iterable[Requirement]) -> set[str]:
    """The names of all packages that these need here, themselves included."""
    found: set[str] = set()
    waiting = [(one, extra) for one in requirements for extra in ("", *one.extras)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        one, extra = waiting.pop()
        name = canonicalize_name(one.name)
        if (name, extra) in seen or not _applies(one, ""):
            continue
        seen.add((name, extra))
        found.add(name)
        for line in _requires(name):
            further = Requirement(line)
            if _applies(further, extra) and not name.startswith("nvidia"):
                plain = Requirement(str(further).partition(";")[0])
                waiting += [(plain, one_extra) for one_extra in ("", *further.extras)]
    return found


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError as error:
        raise LookupError(f"{name} is not installed: pip install --editable '.[all,chain,gpu]'") from error


def _licences(names: Iterable[str]) -> list[Licence]:
    return [Licence(name, licence_of(name)) for name in sorted(names)]


def _table(licences: list[Licence]) -> str:
    return "".join(_rows(licences)) if licences else "Nothing more.\n"


def _rows(licences: list[Licence]) -> Iterator[str]:
    yield "| package | licence | what else |\n|---|---|---|\n"
    for one in licences:
        yield f"| {one.package} | {one.licence} | {BUNDLED.get(one.package, '')} |\n"


_HEAD = """# Licences of what others have made

Lookalike is under the Apache License 2.0. What it brings in is under the licences that follow, as each package names
them; wheels bundle libraries of others, whose licences lie in the wheel. This page is made by `make licences`, and a
test holds it against what is installed. What is needed only to develop, test and measure is not listed.
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
