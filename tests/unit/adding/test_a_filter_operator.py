"""An operator is a member of `Op`, and its translation beside each engine: nothing else has to know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adding.copies import TOYS, SourceCopy

OPERATOR = """    STARTS = (
        "starts",
        Definition(
            "begins with a text",
            Operand.ONE,
            lambda kind, candidates, values: any(
                (_text(kind, one) or "").startswith(str(values[0])) for one in candidates
            ),
            ("starts",),
            _NO_TEXTS,
        ),
    )

"""
TRANSLATION = """    Op.STARTS: Translation(
        lambda condition, column: Sql(f"coalesce(instr({column}, ?) = 1, 0)", condition.values),
        lambda condition: _some_term(condition, Sql("instr(t.text, ?) = 1", condition.values)),
    ),
"""
IN_POSTGRES = """    Op.STARTS: Translation(
        lambda condition, column: Sql(f"coalesce(starts_with({column}, %s), false)", condition.values),
        lambda condition: _some_term(condition, Sql(f"starts_with({_TERM_TEXT}, %s)", condition.values)),
    ),
"""
END_OF_OPERATORS, LAST_TRANSLATION = "    def __new__(cls, word: str", "    Op.EXISTS: Translation("
SUITE = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_catalog_filters.py", "-k", "translated")


@pytest.fixture
def source(tmp_path: Path) -> SourceCopy:
    copy = SourceCopy(tmp_path / "source")
    copy.replace("core/operators.py", END_OF_OPERATORS, OPERATOR + END_OF_OPERATORS)
    return copy


def test_it_is_read_matched_selected_and_documented(source: SourceCopy, tmp_path: Path) -> None:
    source.replace("catalog/sqlite/filters.py", LAST_TRANSLATION, TRANSLATION + LAST_TRANSLATION)
    source.replace("catalog/postgres/filters.py", LAST_TRANSLATION, IN_POSTGRES + LAST_TRANSLATION)
    source.run(str(TOYS / "use_starts.py"), str(tmp_path))
    source.run(*SUITE)


def test_an_engine_that_lacks_it_is_told_by_the_contract_suite(source: SourceCopy) -> None:
    with pytest.raises(AssertionError, match="sqlite lacks starts"):
        source.run(*SUITE)
