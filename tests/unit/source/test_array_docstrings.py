"""Whoever is handed an array, or hands one over, reads its shape and dtype in the docstring.

An array is what is annotated with `NDArray`, `ndarray` or an alias made of them, alone or inside something
(`Keys | None`, `Iterator[tuple[Keys, Vectors]]`). Each public parameter, result and attribute of that kind says
`shape (...)` and a dtype in its own entry: under `Args:`, `Returns:`, `Yields:` or `Attributes:`, in the text under an
attribute, or, where a function or property hands over an array and takes none, anywhere in its docstring. The alias in
the annotation does not stand for the dtype: `help()` shows no docstring of an alias. A method whose docstring names a
class ("see `Index`"), or whose class is made of one, may leave to the method of the same name there what it says of the
same parameter. "likewise" says again what the entry above says.

What begins with an underscore or is defined within a function is not looked at.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lookalike

SOURCE = Path(lookalike.__file__).parent
SECTIONS = ("Args", "Returns", "Yields", "Attributes", "Raises")
SHAPE = re.compile(r"\b[Ss]hapes? \(")
DTYPE = re.compile(
    r"\b(?:u?int(?:8|16|32|64)|float(?:16|32|64)|bool|intp|bytes|any (?:\w+ ){0,2}dtype|the same dtype|dtypes?\b)"
)
IN_ANY_FORM = {"Picture", "Query"}
"""What a caller may give in any of several forms, an array among them: the alias says what the array is, once."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Array(NamedTuple):
    """A place that holds an array.

    Attributes:
        place: where it stands.
        name: of the parameter or attribute, or the section of a result.
        said: what its docstring says of it.
    """

    place: str
    name: str
    said: str

    def lacks(self) -> list[str]:
        return [what for what, words in (("shape", SHAPE), ("dtype", DTYPE)) if not words.search(self.said)]


def _names(node: ast.AST) -> set[str]:
    """Names in an annotation, those in texts too; not those of what is called, or calls back."""
    if isinstance(node, ast.Call) or (isinstance(node, ast.Subscript) and "Callable" in _names(node.value)):
        return set()
    if isinstance(node, ast.Constant):
        return set(re.findall(r"\w+", node.value)) if isinstance(node.value, str) else set()
    own = {node.id} if isinstance(node, ast.Name) else {node.attr} if isinstance(node, ast.Attribute) else set()
    return own.union(*(_names(child) for child in ast.iter_child_nodes(node)))


def _modules() -> dict[str, ast.Module]:
    """Every module by its dotted name."""
    paths = sorted(SOURCE.rglob("*.py"))
    return {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): ast.parse(path.read_text()) for path in paths
    }


def _aliases(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """For each module, the names that are arrays there: numpy's, those assigned at the top, imported ones."""
    known = {name: {"NDArray", "ndarray"} for name in modules}
    assigned = {name: [one for node in tree.body for one in _assigned(node)] for name, tree in modules.items()}
    imported = {
        name: [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module in known]
        for name, tree in modules.items()
    }
    while True:
        before = sum(map(len, known.values()))
        for module, arrays in known.items():
            arrays |= {
                target
                for target, value in assigned[module]
                if isinstance(value, ast.Subscript | ast.BinOp | ast.Constant) and _names(value) & arrays
            }
            for node in imported[module]:
                arrays |= {one.asname or one.name for one in node.names if one.name in known[str(node.module)]}
        if sum(map(len, known.values())) == before:
            return known


def _assigned(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                yield target.id, node.value


def _entries(doc: str) -> dict[str, str]:
    """Sections and, within them, what is said of each name: `Returns` -> text, `vectors` -> text."""
    found: dict[str, str] = {"": doc}
    section, name = "", ""
    for line in doc.splitlines():
        if line.removesuffix(":") in SECTIONS and line.endswith(":"):
            section, name = line[:-1], ""
            found[section] = ""
        elif section and line.strip() and not line.startswith(" "):
            section = ""
        elif section:
            found[section] += line + "\n"
            if section in ("Args", "Attributes"):
                head = re.match(r" {4}(\*{0,2}\w+(?:, \w+)*): ", line)
                if head:
                    line = f"{line} {found.get(name.partition(',')[0], '')}" if ": likewise" in line else line
                    name = head[1]
                for one in re.findall(r"\w+", name):
                    found[one] = found.get(one, "") + line + "\n"
    return found


def _is_public(name: str) -> bool:
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def _of_function(node: Function, place: str, arrays: set[str], *docs: str) -> Iterator[Array]:
    entries = _entries(docs[0])
    for promise in docs[1:]:
        entries = _entries(promise) | entries | {"": "\n".join(docs)}
    parameters = [
        one
        for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
        if one is not None and one.annotation is not None and _names(one.annotation) & arrays
    ]
    for one in parameters:
        yield Array(place, one.arg, entries.get(one.arg, ""))
    if node.returns is not None and _names(node.returns) & arrays:
        result = entries.get("Returns", entries.get("Yields", "" if parameters else entries[""]))
        yield Array(place, "Returns", result)


def _of_class(node: ast.ClassDef, place: str, arrays: set[str], classes: list[ast.ClassDef]) -> Iterator[Array]:
    doc = ast.get_docstring(node) or ""
    entries = _entries(doc)
    for index, one in enumerate(node.body):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and _is_public(one.target.id):
            if _names(one.annotation) & arrays:
                yield Array(place, one.target.id, entries.get(one.target.id, "") + _text_under(node.body, index))
        elif isinstance(one, Function) and _is_public(one.name) and not _is_overload(one):
            own = ast.get_docstring(one) or (doc if one.name == "__init__" else "")
            promises = [ast.get_docstring(other) or "" for other in _promises(one.name, own, node, classes)]
            yield from _of_function(one, f"{place}.{one.name}", arrays, own, *promises)


def _is_overload(node: Function) -> bool:
    return any("overload" in _names(one) for one in node.decorator_list)


def _promises(name: str, doc: str, node: ast.ClassDef, classes: list[ast.ClassDef]) -> Iterator[Function]:
    """The methods of that name in the classes that its docstring refers to, or that its class is made of."""
    referred = set(re.findall(r"\b[Ss]ee `(\w+)[.`]", doc))
    made_of = set[str]().union(*(_names(one) for one in node.bases)) if name != "__init__" else set()
    for other in classes:
        if other.name in referred | made_of and other is not node:
            yield from (one for one in other.body if isinstance(one, Function) and one.name == name)


def _of_alias(module: str, tree: ast.Module, arrays: set[str]) -> Iterator[Array]:
    for index, node in enumerate(tree.body):
        for target, value in _assigned(node):
            if target in arrays and _names(value) & arrays:
                yield Array(module, target, _text_under(tree.body, index))


def _text_under(body: list[ast.stmt], index: int) -> str:
    after = body[index + 1] if index + 1 < len(body) else None
    return str(after.value.value) if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""


def _arrays() -> Iterator[Array]:
    modules = _modules()
    aliases = _aliases(modules)
    classes = [node for tree in modules.values() for node in tree.body if isinstance(node, ast.ClassDef)]
    for module, tree in modules.items():
        yield from _of_alias(module, tree, aliases[module])
        arrays = aliases[module] - IN_ANY_FORM
        for node in tree.body:
            place = f"{module}.{getattr(node, 'name', '')}"
            if isinstance(node, Function) and _is_public(node.name):
                yield from _of_function(node, place, arrays, ast.get_docstring(node) or "")
            elif isinstance(node, ast.ClassDef) and _is_public(node.name):
                yield from _of_class(node, place, arrays, classes)


def test_every_public_array_has_its_shape_and_dtype_in_a_docstring() -> None:
    found = list(_arrays())

    lacking = [f"{one.place} {one.name}: {' and '.join(one.lacks())}" for one in found if one.lacks()]

    assert len(found) > 500
    assert not lacking, "\n".join([f"{len(lacking)} of {len(found)} arrays lack", *lacking])
