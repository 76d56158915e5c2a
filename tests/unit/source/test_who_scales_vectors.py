"""A vector is scaled to length 1 once: those that hand it on ask for its direction, which changes no bit of a unit."""

from __future__ import annotations

import ast
from pathlib import Path

import lookalike

SOURCE = Path(lookalike.__file__).parent
SCALING = {
    "core/vectors.py": "itself",
    "embedding/remote.py": "what a server gave; an embedder's rows have length 1",
    "embedding/fake.py": "likewise",
    "search/understand.py": "what a caller gave",
    "evaluation/leave_one_out.py": "likewise",
    "evaluation/parity.py": "likewise",
    "index/projection.py": "after projecting, which changes lengths",
    "index/faiss/building.py": "what was rounded to eight bits",
    "index/brute_force.py": "arrays of users, of which none is kept",
}


def calls(tree: ast.AST, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name for node in ast.walk(tree)
    )


def test_vectors_are_scaled_anew_only_where_they_come_in_or_were_changed() -> None:
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if calls(ast.parse(path.read_text("utf-8")), "normalise")
    }
    assert found == SCALING.keys()


def test_a_call_is_seen_by_its_name_and_through_its_module() -> None:
    assert calls(ast.parse("a = normalise(b)"), "normalise")
    assert calls(ast.parse("a = vectors.normalise(b)[0]"), "normalise")
    assert not calls(ast.parse("from lookalike.core.vectors import normalise"), "normalise")
