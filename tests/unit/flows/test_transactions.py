"""How every flow writes: through its transaction alone, so that a block that was overtaken can run again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import lookalike
from lookalike.core.errors import Overtaken
from lookalike.objects.base import Objects
from lookalike.parts.parts import Parts
from tests.collections import new_parts, png
from tests.contested import ContestedCatalog, Misuse, WatchedObjects
from tests.unit.flows.scenarios import SCENARIOS, Scenario, added_as_a_file, content, filled

SOURCE = Path(lookalike.__file__).parent
MOST_COMMITS = 40


@pytest.fixture(params=["sqlite", "memory"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    return new_collection_of(request.param, tmp_path)


def new_collection_of(engine: str, folder: Path) -> Parts:
    (folder / "collection").mkdir(parents=True)
    parts = new_parts(folder / "collection" if engine == "sqlite" else None)
    filled(parts, folder / "photos")
    return parts


def watched(parts: Parts, **options: Any) -> tuple[Parts, ContestedCatalog]:
    catalog = ContestedCatalog(parts.catalog, **options)
    objects = cast("Objects", WatchedObjects(parts.objects, catalog))
    return replace(parts, catalog=cast("Any", catalog), objects=objects), catalog


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_a_flow_reads_through_its_transaction_and_asks_no_store_within_it(
    parts: Parts, tmp_path: Path, scenario: Scenario
) -> None:
    flowing, catalog = watched(parts)
    scenario(flowing, tmp_path / "photos")
    assert catalog.begun > 0
    assert content(parts.catalog, parts)["damage"] == []


@pytest.mark.parametrize("engine", ["sqlite", "memory"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_whichever_commit_is_overtaken_the_flow_ends_and_says_as_without(
    tmp_path: Path, engine: str, scenario: Scenario
) -> None:
    place = tmp_path / "collection-of"  # every run in its own folder, told as if it were the same
    said, held = went(scenario, engine, place, ())
    for n in range(1, MOST_COMMITS):
        again, held_then, commits = went_overtaken(scenario, engine, place, {n})
        assert (again, held_then) == (said, held), f"commit {n} was overtaken"
        if commits < n:
            return
    pytest.fail("more commits than expected")


def test_a_flow_that_is_overtaken_again_and_again_gives_up_and_leaves_all_as_it_was(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(parts.catalog, parts)
    flowing, _ = watched(parts, overtaken=range(100))
    monkeypatch.setattr("lookalike.catalog.patience.PATIENCE_S", 0.0)
    with pytest.raises(Overtaken):
        added_as_a_file(flowing, tmp_path / "photos")
    assert content(parts.catalog, parts) == before


def test_the_watch_tells_what_does_not_belong_in_a_transaction(parts: Parts) -> None:
    flowing, catalog = watched(parts)
    with pytest.raises(Misuse, match="keys"), catalog.transaction():
        flowing.catalog.keys([])
    with pytest.raises(Misuse, match="put"), catalog.transaction():
        flowing.objects.put(png(1))
    with catalog.transaction() as transaction:
        assert transaction.keys([]) == {}


def test_no_flow_names_a_catalog_within_a_transaction() -> None:
    found = [f"{place.relative_to(SOURCE)}:{line}" for place in _modules() for line in _misused(place)]
    assert found == []


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("with c.transaction() as t:\n    t.keys([])\n    catalog.keys([])", [3]),
        ("with self._catalog.transaction() as t:\n    t.put(self._catalog.keys([]))", [2]),
        ("with catalog.transaction() as t:\n    t.keys([])", []),
        ("def block(transaction: Transaction) -> None:\n    parts.catalog.keys([])", [2]),
        ("def block(transaction: Transaction) -> None:\n    parts.objects.has('')", [2]),
        ("with c.transaction():\n    objects.put(b'')", [2]),
    ],
)
def test_what_is_looked_for_in_the_source_is_found(tmp_path: Path, code: str, lines: list[int]) -> None:
    place = tmp_path / "module.py"
    place.write_text(code)
    assert list(_misused(place)) == lines


def went(scenario: Scenario, engine: str, place: Path, overtaken: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    said, held, _ = went_overtaken(scenario, engine, place, set(overtaken))
    return said, held


def went_overtaken(
    scenario: Scenario, engine: str, place: Path, overtaken: set[int]
) -> tuple[Any, dict[str, Any], int]:
    import shutil

    parts = new_collection_of(engine, place)
    flowing, catalog = watched(parts, overtaken=overtaken)
    said = scenario(flowing, place / "photos")
    held = content(parts.catalog, parts)
    parts.catalog.close()
    shutil.rmtree(place)
    return said, held, catalog.begun


def _modules() -> list[Path]:
    return [place for place in sorted(SOURCE.rglob("*.py")) if "catalog" not in place.relative_to(SOURCE).parts[:1]]


def _misused(place: Path) -> Iterator[int]:
    """Lines on which a catalog or a store of objects is named in a block that a transaction runs."""
    for node in ast.walk(ast.parse(place.read_text())):
        if isinstance(node, ast.With) and any(_begins(item.context_expr) for item in node.items):
            body: list[ast.stmt] = node.body
        elif isinstance(node, ast.FunctionDef) and any(_is_transaction(one.annotation) for one in node.args.args):
            body = node.body
        else:
            continue
        for statement in body:
            yield from (one.lineno for one in ast.walk(statement) if _names_catalog(one))


def _begins(expression: ast.expr) -> bool:
    call = expression.func if isinstance(expression, ast.Call) else None
    return isinstance(call, ast.Attribute) and call.attr == "transaction"


def _is_transaction(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == "Transaction"


def _names_catalog(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lstrip("_") in ("catalog", "objects")
