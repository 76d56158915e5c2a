"""A wheel, an sdist and an installation have the search page, whether it was built before or after."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.bare_environment import ROOT

pytest.importorskip("hatchling", reason="needs hatchling, which builds the package")
pytest.importorskip("pip", reason="needs pip")

PAGE = Path("src") / "lookalike" / "service" / "page"
BUILT = {"index.html": "<!doctype html>the page", "assets/page-1.js": "1", "assets/page-1.js.gz": "packed"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The source as git has it: without anything that is built."""
    place = tmp_path / "source"
    without = shutil.ignore_patterns("__pycache__", "page", "*.pyc")
    shutil.copytree(ROOT / "src", place / "src", ignore=without)
    for name in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(ROOT / name, place / name)
    return place


def make_web(checkout: Path) -> None:
    """What `make web` leaves."""
    for name, content in BUILT.items():
        path = checkout / PAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def python(*arguments: str | Path, path: Path | None = None) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LOOKALIKE_"))}
    if path is not None:
        env["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=env, cwd=ROOT.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check")


def wheel_of(source: Path, place: Path) -> Path:
    python("-m", "pip", "wheel", *OFFLINE, "--wheel-dir", place, source)
    (wheel,) = place.glob("*.whl")
    return wheel


def page_in(wheel: Path) -> set[str]:
    folder = "lookalike/service/page/"
    return {name.removeprefix(folder) for name in zipfile.ZipFile(wheel).namelist() if name.startswith(folder)}


def installed(source: Path, place: Path) -> Path:
    """A folder with what `pip install` puts into `site-packages`."""
    python("-m", "pip", "install", *OFFLINE, "--target", place, source)
    return place


def page_of(installation: Path) -> str:
    """Which page the service of an installation would show."""
    asked = (
        "from lookalike.settings.service_reading import read_service_settings; import lookalike\n"
        "print(lookalike.__file__, read_service_settings(environment={}).page)"
    )
    told = python("-c", asked, path=installation)
    module, _, page = told.strip().partition(" ")
    assert module.startswith(str(installation))
    return page


def test_a_wheel_that_is_made_after_the_page_has_it(checkout: Path, tmp_path: Path) -> None:
    make_web(checkout)
    wheel = wheel_of(checkout, tmp_path / "wheels")
    assert page_in(wheel) == set(BUILT)
    site = installed(wheel, tmp_path / "site")
    assert page_of(site) == str(site / PAGE.relative_to("src"))


def test_a_wheel_that_is_made_before_the_page_tells_what_to_do(checkout: Path, tmp_path: Path) -> None:
    wheel = wheel_of(checkout, tmp_path / "wheels")
    assert page_in(wheel) == set()
    site = installed(wheel, tmp_path / "site")
    assert page_of(site) == "None"
    asked = "from lookalike.settings.page_folder import how_to_build; print(how_to_build())"
    assert python("-c", asked, path=site).startswith("install from a checkout after `make web`")


def test_an_installation_that_is_made_before_the_page_finds_it_once_it_is_built(checkout: Path, tmp_path: Path) -> None:
    site = installed(checkout, tmp_path / "site")
    assert page_of(site) == "None"
    asked = "from lookalike.settings.page_folder import how_to_build; print(how_to_build())"
    assert f"run `make web` in {checkout}" in python("-c", asked, path=site)

    make_web(checkout)

    assert page_of(site) == str(checkout / PAGE)


def test_an_installation_that_is_made_after_the_page_has_its_own(checkout: Path, tmp_path: Path) -> None:
    make_web(checkout)
    site = installed(checkout, tmp_path / "site")
    shutil.rmtree(checkout)
    assert page_of(site) == str(site / PAGE.relative_to("src"))


def test_an_sdist_takes_the_page_into_its_wheel(checkout: Path, tmp_path: Path) -> None:
    make_web(checkout)
    build = f"import os, hatchling.build; os.chdir({str(checkout)!r}); hatchling.build.build_sdist({str(tmp_path)!r})"
    python("-c", build)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert page_in(wheel_of(source, tmp_path / "wheels")) == set(BUILT)


def test_source_that_is_used_in_its_place_has_the_page_as_soon_as_it_is_built(checkout: Path) -> None:
    asked = "from lookalike.settings.page_folder import PAGE; print((PAGE / 'index.html').is_file())"
    assert python("-c", asked, path=checkout / "src") == "False\n"
    make_web(checkout)
    assert page_of(checkout / "src") == str(checkout / PAGE)
