"""What we use of uvicorn, websockets and PyJWT beyond their documentation is there, and is no more than is listed.

A new version of a library may change what it has not promised. Then this test tells what is gone and who rests on it,
before other tests fail in ways that tell nothing.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.server import ServerProtocol

SOURCE = Path(__file__).parents[3] / "src" / "lookalike" / "service"

PRIVATE = {("http_protocol.py", "_unsupported_upgrade_warning")}
"""Names with an underscore that are the library's: file of ours, name. Keep it short."""

OF_A_CYCLE = {"response_complete", "response_started", "disconnected", "message_event", "keep_alive", "body"}
OF_THE_SOCKETS_PROTOCOL = {"close_sent", "data_to_send", "events_received", "fail", "max_message_size", "reader"}

PINNED = [
    ("http_protocol.py", "_BoundedHttp", HttpToolsProtocol),
    ("websocket_protocol.py", "_BoundedWebSocket", WebSocketsSansIOProtocol),
    ("process.py", "_Server", uvicorn.Server),
]


def class_of(file: str, name: str) -> ast.ClassDef:
    tree = ast.parse((SOURCE / file).read_text("utf-8"))
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def own_names(ours: ast.ClassDef) -> set[str]:
    """What our class makes itself: methods, attributes of the class, and what is given to `self` first by us."""
    found = {node.name for node in ours.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    found |= {node.target.id for node in ours.body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
    found |= {one.id for node in ours.body if isinstance(node, ast.Assign) for one in node.targets}  # type: ignore[attr-defined]
    made = next((node for node in ours.body if getattr(node, "name", "") == "__init__"), None)
    return found | {node.attr for node in ast.walk(made or ast.Module([], [])) if _is_given(node)}


def _is_given(node: ast.AST) -> bool:
    return _is_of_self(node) and isinstance(node.ctx, ast.Store)


def _is_of_self(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"self", "one"}


def _is_of_super(node: Any) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "super"
    )


def names_used(ours: ast.ClassDef) -> set[str]:
    """Of the library's class: what we call of `super()`, and what we take from `self` without having made it."""
    own = own_names(ours)
    used = {node.attr for node in ast.walk(ours) if _is_of_super(node)}
    return used | {node.attr for node in ast.walk(ours) if _is_of_self(node)} - own


def names_there(theirs: type) -> set[str]:
    sources = [textwrap.dedent(inspect.getsource(one)) for one in theirs.__mro__ if one.__module__ != "builtins"]
    given = {node.attr for source in sources for node in ast.walk(ast.parse(source)) if _is_given(node)}
    return set(dir(theirs)) | given


def check_there(file: str, theirs: type, names: set[str]) -> None:
    gone = sorted(names - names_there(theirs))
    library = theirs.__module__.partition(".")[0]
    assert not gone, (
        f"{library} {version(library)} has no {theirs.__name__}.{', .'.join(gone)} any more, on which service/{file} "
        "rests: look there what it does with it, then change it or the bound of the version in pyproject.toml"
    )


@pytest.mark.parametrize(("file", "name", "theirs"), PINNED, ids=lambda one: getattr(one, "__name__", str(one)))
def test_what_our_class_takes_from_the_library_is_there(file: str, name: str, theirs: type) -> None:
    used = names_used(class_of(file, name))
    assert len(used) >= 5
    check_there(file, theirs, used - {"__init__"})


def test_what_we_take_from_what_these_hand_us_is_there() -> None:
    check_there("http_protocol.py", RequestResponseCycle, OF_A_CYCLE)
    check_there("websocket_protocol.py", ServerProtocol, OF_THE_SOCKETS_PROTOCOL)


def test_what_is_gone_is_told_with_who_rests_on_it() -> None:
    with pytest.raises(AssertionError, match=r"uvicorn [0-9.]+ has no Server\.never_there .*service/process\.py"):
        check_there("process.py", uvicorn.Server, {"never_there", "startup"})


def test_few_names_are_the_librarys_own() -> None:
    private = {
        (file, used)
        for file, name, theirs in PINNED
        for used in names_there(theirs) & (names_used(class_of(file, name)) | own_names(class_of(file, name)))
        if used.startswith("_") and not used.startswith("__")
    }
    assert private == PRIVATE


def test_modules_with_an_underscore_are_not_imported() -> None:
    lines = [line for path in SOURCE.rglob("*.py") for line in path.read_text("utf-8").splitlines()]
    private = [
        line for line in lines if line.startswith(("from ", "import ")) and "._" in line and "from __" not in line
    ]
    assert private == []
