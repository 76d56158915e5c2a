"""What to type to install more of Lookalike: made in one place, from how it was installed here (PEP 610).

From a checkout, `lookalike[heic]` names nothing that pip could find, so the line names the checkout.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple

NAME = "lookalike"

MODULES = {
    "aio_pika": "rabbitmq",
    "boto3": "s3",
    "botocore": "s3",
    "cv2": "features",
    "obstore": "s3",
    "pandas": "pandas",
    "pillow_heif": "heic",
    "psycopg": "postgres",
    "pyarrow": "parquet",
    "redis": "redis",
    "sklearn": "compare",
    "torch": "gpu",
    "watchfiles": "watch",
    **dict.fromkeys(
        (
            *("fastapi", "fastapi_offline", "httptools", "jwt", "limits", "orjson", "prometheus_client", "pydantic"),
            *("python_multipart", "starlette", "uvicorn", "uvloop", "websockets"),
        ),
        "serve",
    ),
}
"""What is imported, and the extra that brings it."""

_CHECKOUT = Path(__file__).resolve().parents[3]


class Source(NamedTuple):
    """Where pip finds what is installed here.

    Attributes:
        requirement: what stands before the extras: a name, a folder, a wheel.
        options: of pip, before it.
        suffix: what stands behind the extras.
    """

    requirement: str
    options: str = ""
    suffix: str = ""


def install_line(extra: str, *, public: bool = False) -> str:
    """The line that installs an extra into this Python.

    Args:
        extra: its name in `pyproject.toml`.
        public: without a path of this machine, for whoever asks a service; it then says in which folder to be.
    """
    source = source_of_install()
    if source is None:
        return f"{_pip(public)} install {_requirements_of(extra)}"
    requirement, place = _shorten(source.requirement) if public else (source.requirement, "")
    wanted = shlex.quote(f"{requirement}[{extra}]{source.suffix}")
    return f"{_pip(public)} install {source.options}{wanted}{place}"


def upgrade_advice() -> str:
    """How to come to a newer version."""
    source = source_of_install()
    if source is None or source.requirement == NAME:
        suffix = "" if source is None else source.suffix
        return f"upgrade with {_pip()} install -U {shlex.quote(NAME + suffix) if suffix else NAME}"
    line = f"{_pip()} install -U {source.options}{shlex.quote(source.requirement)}"
    return f"fetch the newer source, then upgrade with {line}"


def reinstall_line() -> str:
    """The line that installs Lookalike and what it needs anew."""
    source = source_of_install() or Source(NAME)
    return f"{_pip()} install --force-reinstall {source.options}{shlex.quote(source.requirement + source.suffix)}"


def source_of_install() -> Source | None:
    """From where Lookalike was installed; None where that is gone."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        told = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:  # run from its source, without being installed
        return Source(str(_CHECKOUT), "-e ") if _is_checkout(_CHECKOUT) else Source(NAME)
    if told is None:
        return Source(NAME)  # from an index
    facts = json.loads(told)
    if "vcs_info" in facts:
        version_control = facts["vcs_info"]
        return Source(NAME, suffix=f" @ {version_control['vcs']}+{facts['url']}@{version_control['commit_id']}")
    split = urlsplit(facts["url"])
    if split.scheme != "file":
        return Source(NAME, suffix=f" @ {facts['url']}")
    place = Path(url2pathname(split.path))
    if "dir_info" not in facts:
        return Source(str(place)) if place.is_file() else None
    editable = facts["dir_info"].get("editable", False)
    return Source(str(place), "-e " if editable else "") if _is_checkout(place) else None


def checkout() -> Path | None:
    """The folder of the source that Lookalike was installed from, editable or not; None where there is none."""
    source = source_of_install()
    folder = Path(source.requirement) if source is not None and source.requirement != NAME else None
    return folder if folder is not None and _is_checkout(folder) else None


def _is_checkout(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file()


def _shorten(requirement: str) -> tuple[str, str]:
    if requirement == NAME:
        return requirement, ""
    path = Path(requirement)
    return (".", " in the folder of Lookalike's source") if path.is_dir() else (path.name, "")


def _requirements_of(extra: str) -> str:
    """The libraries of an extra themselves; these are on the index."""
    from importlib.metadata import requires

    marked = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    found = [line.partition(";")[0].strip() for line in requires(NAME) or () if marked.search(line)]
    return " ".join(map(shlex.quote, found)) or shlex.quote(f"{NAME}[{extra}]")


def _pip(public: bool = False) -> str:
    """`pip` where that is this Python's own, else this Python's by its path."""
    from shutil import which

    found = which("pip")
    if public or not sys.executable or (found and Path(found).parent == Path(sys.executable).parent):
        return "pip"
    return f"{shlex.quote(sys.executable)} -m pip"
