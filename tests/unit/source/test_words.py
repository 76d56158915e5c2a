"""One word for one thing: the glossary of the architecture page, and the words that it rules out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike

SOURCE = Path(lookalike.__file__).parent
PAGE = SOURCE.parents[1] / "docs" / "explanation" / "architecture.md"


def rows() -> list[list[str]]:
    text = PAGE.read_text("utf-8")
    section = text[text.index("## Words") :].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"][
        2:
    ]


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self":
            yield node.attr


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}


RULED_OUT = {word for row in rows() for word in row[2].split(", ") if word}


def test_the_glossary_has_some_twenty_words_each_with_its_meaning() -> None:
    assert 20 <= len(rows()) <= 30
    assert all(word and means for word, means, _ in rows())
    assert len({word for word, *_ in rows()}) == len(rows())


def test_no_name_of_ours_has_a_word_that_is_ruled_out() -> None:
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in SOURCE.rglob("*.py")
        for name in names(ast.parse(path.read_text("utf-8")))
        if words(name) & RULED_OUT
    }
    assert sorted(found) == []


def test_names_of_variables_and_attributes_are_looked_at() -> None:
    given = "class A:\n    held: int\n    def f(self, blob): self._held, x = 1, 2\n    for score in (): pass"
    assert {name for name in names(ast.parse(given)) if words(name) & RULED_OUT} == {"held", "blob", "_held", "score"}


@pytest.mark.parametrize("name", ["opinion", "SecondOpinion", "for_opinion", "similarity_score", "blobOf", "_held"])
def test_words_are_seen_within_names(name: str) -> None:
    assert words(name) & RULED_OUT
