"""A queue on another broker is a file, a line where assembly picks it, and a line in the contract suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adding.copies import TOYS, SourceCopy, replace_once
from tests.unit.adding.test_an_engine import passed_in


@pytest.fixture
def source(tmp_path: Path) -> SourceCopy:
    copy = SourceCopy(tmp_path / "source")
    copy.add_file("dispatch/bell.py", "bell.py")
    return copy


def test_a_service_tells_workers_through_what_assembly_picks(source: SourceCopy, tmp_path: Path) -> None:
    service = "assembly/service.py"
    source.replace(
        service, "lookalike.dispatch.polling import PollingDispatch", "lookalike.dispatch.bell import BellDispatch"
    )
    source.replace(service, "return PollingDispatch()", "return BellDispatch()")
    source.run(str(TOYS / "use_bell.py"), str(tmp_path / "home"))


def test_the_contract_suite_takes_it_by_a_line(source: SourceCopy) -> None:
    suite = source.changed_test(
        "tests/contract/test_dispatch.py",
        '    "memory": lambda _: MemoryDispatch(look_every_s=3_600.0),\n',
        '    "memory": lambda _: MemoryDispatch(look_every_s=3_600.0),\n'
        '    "bell": lambda _: BellDispatch(look_every_s=3_600.0),\n',
        first="from lookalike.dispatch.bell import BellDispatch\n",
    )
    replace_once(suite, 'QUIET = ["memory", ', 'QUIET = ["bell", "memory", ')
    passed = source.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite), "-k", "bell")
    assert passed_in(passed) >= 10, passed
