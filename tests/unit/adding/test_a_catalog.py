"""A catalog is a folder, the places where assembly picks one, and a line in the contract's engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adding.copies import TOYS, SourceCopy, replace_once
from tests.unit.adding.test_an_engine import passed_in


@pytest.fixture
def source(tmp_path: Path) -> SourceCopy:
    copy = SourceCopy(tmp_path / "source")
    copy.add_file("catalog/shelf/__init__.py", "shelf.py")
    return copy


def test_a_collection_has_the_catalog_that_assembly_picks(source: SourceCopy) -> None:
    picked = "lookalike.catalog.memory import MemoryCatalog"
    source.replace("assembly/collection.py", picked, "lookalike.catalog.shelf import ShelfCatalog as MemoryCatalog")
    source.run(str(TOYS / "use_shelf.py"))


def test_the_contract_suite_takes_it_by_a_line(source: SourceCopy) -> None:
    engines = source.copy_tests() / "contract" / "catalog_engines.py"
    replace_once(engines, 'ENGINES: Final = ("sqlite", ', 'ENGINES: Final = ("shelf", "sqlite", ')
    opened = '    if engine == "shelf":\n        return ShelfCatalog(**options)\n'
    replace_once(engines, '    if engine == "memory":\n', f'{opened}    if engine == "memory":\n')
    replace_once(
        engines,
        "from lookalike.catalog.memory import MemoryCatalog\n",
        "from lookalike.catalog.memory import MemoryCatalog\nfrom lookalike.catalog.shelf import ShelfCatalog\n",
    )
    suites = [str(engines.with_name(f"test_catalog{part}.py")) for part in ("", "_feed", "_filters")]
    passed = source.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *suites, "-k", "shelf")
    assert passed_in(passed) >= 50, passed
