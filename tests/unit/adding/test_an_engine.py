"""An engine of a pillar is a file, a line where engines are picked, and a line in the contract suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adding.copies import TOYS, SourceCopy


@pytest.fixture
def source(tmp_path: Path) -> SourceCopy:
    copy = SourceCopy(tmp_path / "source")
    copy.add_file("objects/packed.py", "packed.py")
    return copy


def test_a_collection_has_the_engine_that_assembly_picks(source: SourceCopy) -> None:
    picked = "lookalike.objects.memory import MemoryObjects"
    source.replace("assembly/collection.py", picked, "lookalike.objects.packed import PackedObjects")
    source.replace("assembly/collection.py", "return MemoryObjects()", "return PackedObjects()")
    source.run(str(TOYS / "use_packed.py"))


def test_an_index_is_made_saved_and_read_where_its_owner_names_it(tmp_path: Path) -> None:
    source = SourceCopy(tmp_path / "source")
    source.add_file("index/naive.py", "naive.py")
    source.replace(
        "index/choice.py", "ONE_BY_ONE = frozenset({EXACT, GPU})", 'ONE_BY_ONE = frozenset({EXACT, GPU, "naive"})'
    )
    engines = "assembly/index_engines.py"
    source.replace(engines, "import ExactIndex\n", "import ExactIndex\nfrom lookalike.index import naive\n")
    source.replace(engines, "{EXACT: ExactIndex, ", '{"naive": naive.NaiveIndex, EXACT: ExactIndex, ')
    source.replace(engines, "{EXACT: _exact, ", '{"naive": naive.load, EXACT: _exact, ')
    source.run(str(TOYS / "use_naive.py"), str(tmp_path / "snapshots"))

    suite = source.changed_test(
        "tests/contract/test_index.py",
        "ENGINES = [\n",
        'ENGINES = [\n    Engine("naive", NaiveIndex, load, exact=True),\n',
        first="from lookalike.index.naive import NaiveIndex, load\n",
    )
    passed = source.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(suite), "-k", "naive")
    assert passed_in(passed) >= 10, passed


def passed_in(written: str) -> int:
    """How many tests passed, as pytest says at its end."""
    return int(written.rpartition(" passed")[0].rpartition("\n")[2])


def test_the_contract_suite_takes_it_by_a_line(source: SourceCopy) -> None:
    suite = source.changed_test(
        "tests/contract/test_objects.py",
        '    "memory": lambda folder: MemoryObjects(),\n',
        '    "memory": lambda folder: MemoryObjects(),\n    "packed": lambda folder: PackedObjects(),\n',
        first="from lookalike.objects.packed import PackedObjects\n",
    )
    passed = source.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite), "-k", "packed")
    assert passed_in(passed) >= 10, passed
