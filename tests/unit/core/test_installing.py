"""The line that installs an extra, for each way in which Lookalike can have been installed."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from lookalike.core import installing
from lookalike.core.installing import install_line, reinstall_line, upgrade_advice

ROOT = Path(__file__).parents[3]
IN_FOLDER = " in the folder of Lookalike's source"
HEIC = ["pillow-heif<2,>=1.0; extra == 'heic'", "numpy<3,>=2.0", 'redis>=5; extra == "redis"']


class Installed:
    """A distribution that remembers where it came from."""

    def __init__(self, direct_url: dict[str, Any] | None) -> None:
        self._direct_url = direct_url

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self._direct_url is None else json.dumps(self._direct_url)


@pytest.fixture(autouse=True)
def own_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Python whose `pip` is the one that the shell finds."""
    for name in ("pip", "python"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "my source"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


def installed(monkeypatch: pytest.MonkeyPatch, direct_url: dict[str, Any] | None) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed(direct_url))
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: HEIC)


def test_from_an_index_it_is_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, None)
    assert install_line("heic") == install_line("heic", public=True) == "pip install 'lookalike[heic]'"
    assert upgrade_advice() == "upgrade with pip install -U lookalike"
    assert reinstall_line() == "pip install --force-reinstall lookalike"


def test_from_a_checkout_it_is_its_folder(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    installed(monkeypatch, {"url": checkout.as_uri(), "dir_info": {}})
    assert install_line("heic") == f"pip install '{checkout}[heic]'"
    assert install_line("heic", public=True) == f"pip install '.[heic]'{IN_FOLDER}"
    assert upgrade_advice() == f"fetch the newer source, then upgrade with pip install -U '{checkout}'"


def test_from_an_editable_checkout_it_stays_editable(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    installed(monkeypatch, {"url": checkout.as_uri(), "dir_info": {"editable": True}})
    assert install_line("heic") == f"pip install -e '{checkout}[heic]'"
    assert install_line("heic", public=True) == f"pip install -e '.[heic]'{IN_FOLDER}"
    assert reinstall_line() == f"pip install --force-reinstall -e '{checkout}'"


def test_from_a_wheel_it_is_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = tmp_path / "lookalike-0.1.0-py3-none-any.whl"
    wheel.touch()
    installed(monkeypatch, {"url": wheel.as_uri(), "archive_info": {"hash": "sha256=00"}})
    assert install_line("heic") == f"pip install '{wheel}[heic]'"
    assert install_line("heic", public=True) == f"pip install '{wheel.name}[heic]'"


def test_from_a_repository_or_another_address_it_is_that(monkeypatch: pytest.MonkeyPatch) -> None:
    version_control = {"vcs": "git", "commit_id": "abc"}
    installed(monkeypatch, {"url": "https://example.org/l.git", "vcs_info": version_control})
    assert install_line("heic") == "pip install 'lookalike[heic] @ git+https://example.org/l.git@abc'"
    installed(monkeypatch, {"url": "https://example.org/l.whl", "archive_info": {}})
    assert install_line("heic") == "pip install 'lookalike[heic] @ https://example.org/l.whl'"


def test_where_what_it_came_from_is_gone_it_names_the_libraries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, {"url": (tmp_path / "gone").as_uri(), "dir_info": {}})
    assert install_line("heic") == "pip install 'pillow-heif<2,>=1.0'"
    assert install_line("redis") == "pip install 'redis>=5'"


def test_source_that_was_never_installed_names_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing)
    assert install_line("heic") == f"pip install -e '{ROOT}[heic]'"


def test_where_the_shell_has_another_pip_this_python_is_named(monkeypatch: pytest.MonkeyPatch, own_pip: Path) -> None:
    installed(monkeypatch, None)
    monkeypatch.setenv("PATH", "/nowhere")
    assert install_line("heic") == f"{shlex.quote(str(own_pip / 'python'))} -m pip install 'lookalike[heic]'"
    assert install_line("heic", public=True) == "pip install 'lookalike[heic]'"


def test_nobody_else_writes_such_a_line() -> None:
    """What is not on an index yet is named so in one place alone, which knows how Lookalike was installed."""
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.py"), *ROOT.glob("web/*/**/*.ts*")]
    own = Path(installing.__file__)
    said = re.compile(r"pip install[^\n&|;]*[ '\"]lookalike\b|lookalike\[")
    found = [f"{path}: {match[0]}" for path in texts if path != own for match in said.finditer(path.read_text("utf-8"))]
    assert len(texts) > 200
    assert found == []
