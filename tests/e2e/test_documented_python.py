"""The Python of the reference and of the how-to pages: each page's blocks, one after the other, as one program."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lookalike
from tests.bare_environment import ROOT
from tests.sessions import environment
from tests.user_folder import belongings

ELSEWHERE = {"docs/howto/build-on-the-api.md"}
"""Pages whose programs need a service, and have a test of their own."""

PROGRAMS = {
    name: "\n".join(blocks)
    for page in sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
    if (blocks := re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))
    and (name := str(page.relative_to(ROOT))) not in ELSEWHERE
}
LIBRARIES = {'rerank="local"': "cv2", "to_parquet": "pyarrow", "to_pandas": "pandas", "import jwt": "jwt"}
"""What a program shows that it needs an extra, and the library of that."""
SAYS = {
    "docs/reference/python.md": (
        r"3 added, 0 could not be used\n(\d 0\.\d+ /.*\.jpg\n){3}\{'place': 'Brighton'\} 1 True 4\n"
        r"/.*\.jpg\n/.*beach\.jpg\n0\.9\d+\nTrue\nTrue .*\nbad_query .*no such file\.jpg.*\n"
    ),
    "docs/howto/several-models.md": r"4 embedded, 0 could not be used\n.*name='mine'.*count=4.*\n",
    "docs/howto/why-pictures-match.md": r"0\.\d+ (\d+ of \d+ points agree on one view\s){2}\[\[(?s:.*)",
    "docs/howto/nearest-neighbours.md": r"\[\[[\d ]+\](?s:.*)\brank\b(?s:.*)",
    "docs/howto/secure-a-service.md": "",
}
"""What each program prints."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return belongings(tmp_path / "user")


@pytest.mark.parametrize("page", PROGRAMS)
def test_the_python_of_a_page_runs_in_its_order(page: str, folder: Path, tmp_path: Path) -> None:
    for sign, library in LIBRARIES.items():
        if sign in PROGRAMS[page] and importlib.util.find_spec(library) is None:
            pytest.skip(f"needs {library}, of an extra")
    if page != "docs/reference/python.md":
        with lookalike.open(folder / "photos.lookalike") as photos:
            photos.index(folder / "holiday", folder / "shelf.jpg")
    program = PROGRAMS[page].replace("/etc/lookalike/", "")

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(SAYS[page], done.stdout), done.stdout


def test_every_page_with_python_is_run() -> None:
    assert set(PROGRAMS) == set(SAYS)
    for page in ELSEWHERE:
        assert "```python" in (ROOT / page).read_text()
