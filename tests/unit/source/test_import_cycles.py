"""No file needs another that needs it when the program runs, be it at once or within a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import lookalike

SOURCE = Path(lookalike.__file__).parent


def modules() -> dict[str, Path]:
    """By name, of a package its `__init__.py`."""
    return {
        ".".join(("lookalike", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in SOURCE.rglob("*.py")
    }


def imports(tree: ast.AST, known: Set[str]) -> Iterator[str]:
    """The modules of ours that a file imports anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for one in node.names:
                part = f"{node.module}.{one.name}"
                yield part if part in known else node.module


def without_types(tree: ast.AST) -> ast.AST:
    """What is left when the program runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return tree


def in_cycles(graph: Mapping[str, Set[str]]) -> list[str]:
    """The modules that can be reached from themselves."""
    left = {name: set(there) for name, there in graph.items()}
    while ends := {name for name, there in left.items() if not there}:  # nobody goes on from there
        left = {name: there - ends for name, there in left.items() if name not in ends}
    while True:  # and nobody comes to these
        reached = set().union(*left.values()) if left else set()
        if reached >= left.keys():
            return sorted(left)
        left = {name: there for name, there in left.items() if name in reached}


def graph() -> dict[str, set[str]]:
    known = modules()
    return {
        name: set(imports(without_types(ast.parse(path.read_text("utf-8"))), known.keys())) - {name}
        for name, path in known.items()
    }


def test_no_imports_go_round_not_even_those_within_functions() -> None:
    assert in_cycles(graph()) == []


def test_imports_are_seen_wherever_they_stand() -> None:
    known = {"lookalike.a", "lookalike.a.b", "lookalike.c", "lookalike.d"}
    text = (
        "import lookalike.c\n"
        "if TYPE_CHECKING:\n    from lookalike.d import D\n"
        "def f():\n    from lookalike.a import b, other\n    import os\n"
    )
    tree = ast.parse(text)
    assert set(imports(tree, known)) == {"lookalike.c", "lookalike.d", "lookalike.a.b", "lookalike.a"}
    assert set(imports(without_types(tree), known)) == {"lookalike.c", "lookalike.a.b", "lookalike.a"}


def test_cycles_are_found_and_what_leads_to_them_is_none() -> None:
    assert in_cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert in_cycles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == ["b", "c"]
