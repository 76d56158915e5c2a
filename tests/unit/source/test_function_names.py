"""Functions are named by verbs: a lone participle (`found`, `looked_up`) tells not what is done."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookalike

SOURCE = Path(lookalike.__file__).parent
IRREGULAR = frozenset(
    [
        "begun",
        "bound",
        "built",
        "cut",
        "drawn",
        "found",
        "given",
        "held",
        "kept",
        "known",
        "laid",
        "led",
        "left",
        "lost",
        "made",
        "meant",
        "paid",
        "said",
        "seen",
        "sent",
        "shown",
        "split",
        "spread",
        "taken",
        "thrown",
        "told",
        "won",
        "written",
    ]
)
PARTICLES = frozenset(
    [
        "again",
        "ahead",
        "as",
        "at",
        "by",
        "for",
        "from",
        "if",
        "in",
        "now",
        "of",
        "on",
        "out",
        "over",
        "to",
        "up",
        "with",
    ]
)
VERBS = frozenset(
    {"bound", "cut", "embed", "feed", "need", "proceed", "speed", "split", "spread", "succeed"}
)  # or nouns
LEAVING_IT = {
    "failed": "a callback, called when that has happened",
    "begun": "a callback, called when that has happened",
    "refused": "a read of the catalog, as `files`: the refused files",
    "refused_at": "a read of the catalog, as `files_at`",
    "announced": "a read: what was announced of an upload",
    "staged": "a read: what was staged of an upload",
    "quarantined": "a read: what was quarantined of an upload",
    "compared": "a read, as `similarities`",
    "stored": "a read: the stored vectors of keys",
    "missing": "makes an error, as `damaged` does",
    "_counted": "in a migration, which stays as it is",
    "copied": "a context: the copy, for as long as nothing is committed",
    "reached": "a callback, called when that has happened",
    "damaged": "makes an error, as `missing` does",
}


def is_lone_participle(name: str) -> bool:
    first, *others = name.strip("_").split("_")
    return (
        first not in VERBS
        and (first in IRREGULAR or re.fullmatch(r"\w{2,}ed", first) is not None)
        and all(word in PARTICLES for word in others)
    )


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
            if not re.search(r"property|contextmanager", decorators):
                yield node


def test_functions_are_named_by_verbs() -> None:
    named = {
        f"{path.relative_to(SOURCE)}:{function.lineno} {function.name}"
        for path in SOURCE.rglob("*.py")
        for function in functions(ast.parse(path.read_text("utf-8")))
        if is_lone_participle(function.name) and function.name not in LEAVING_IT
    }
    assert sorted(named) == []


@pytest.mark.parametrize("name", ["found", "_looked", "looked_up", "sent", "_taken", "checked", "begun_with"])
def test_participles_are_seen(name: str) -> None:
    assert is_lone_participle(name)


@pytest.mark.parametrize(
    "name", ["find", "embed", "read_refused", "stored_vectors", "split", "feed", "expired_uploads"]
)
def test_verbs_and_nouns_pass(name: str) -> None:
    assert not is_lone_participle(name)
