"""Every engine of a pillar is among those that `make lint` lets be imported from `assembly` alone."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "lookalike"
PILLARS = sorted(path.parent.name for path in SOURCE.glob("*/base.py") if path.parent.name != "images")
KEEPS = re.compile(r"See `lookalike\.(\w+)\.(?:base|uploads)\.(\w+)`")
NO_ENGINES = {"Reads"}
"""Parts of a promise that an engine keeps in a file of its own."""


def contracts() -> list[dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]


def engines() -> list[str]:
    """Modules with a class that says of itself that it keeps the promise of its pillar."""
    found = []
    for pillar in PILLARS:
        for file in sorted((SOURCE / pillar).rglob("*.py")):
            for node in ast.parse(file.read_text("utf-8")).body:
                said = KEEPS.match(ast.get_docstring(node) or "") if isinstance(node, ast.ClassDef) else None
                if said and said[1] == pillar and said[2] not in NO_ENGINES:
                    found.append(".".join(("lookalike", *file.relative_to(SOURCE).with_suffix("").parts)))
    return found


@pytest.mark.parametrize("engine", engines())
def test_an_engine_is_listed_itself_or_by_its_folder(engine: str) -> None:
    contract = next(one for one in contracts() if one["name"] == "Engines are named in assembly alone")
    listed = contract["forbidden_modules"]
    assert isinstance(listed, list)
    assert any(engine == one or engine.startswith(f"{one}.") for one in listed), f"add {engine} to pyproject.toml"


def test_every_pillar_has_two_engines_at_least() -> None:
    of = [engine.split(".")[1] for engine in engines()]
    assert {pillar: of.count(pillar) >= 2 for pillar in PILLARS} == dict.fromkeys(PILLARS, True)


def test_all_other_packages_are_kept_from_engines() -> None:
    contract = next(one for one in contracts() if one["name"] == "Engines are named in assembly alone")
    kept_from = {str(one).removeprefix("lookalike.") for one in contract["source_modules"]}  # type: ignore[attr-defined]
    there = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    below = {"models", "images", "demo", "storage", "core"}
    assert there - {"__init__", "__main__"} == kept_from | set(PILLARS) | below | {"assembly"}
