"""Every place of the source that makes one of our errors, with the texts that its message can be.

A text is made from the code alone: constants and names of constants are put in, helpers that give a text are followed
to what they return, both sides of a condition are taken, and what only a run knows becomes a mark such as `«count»`.
A function that takes a message and makes an error of it is judged where it is called. What only hands on the message of
another of our errors is no place of its own.

What is told without one of our errors counts too (`TELLING`): refusals of the service's edge, its other replies with a
problem, why a job was not done, what the command line does not understand, and what errors tell in public.
"""

from __future__ import annotations

import ast
import importlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import lookalike
from lookalike.core.errors import LookalikeError, MissingExtra
from lookalike.images.refusals import RefusalCode, refusal

SOURCE = Path(lookalike.__file__).parent
MOST_TEXTS = 64
DEEPEST = 5
OPENS, CLOSES = "«", "»"

TELLING = {
    "Refusal": 3,
    "problem_response": None,
    "Verdict": 1,
    "HTTPException": 1,
    "UsageError": 0,
    "fail": 0,
    "public": None,
}
"""What tells people something and is no error of ours: the place of its message, which else is named `detail`."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Texts = list[str]


class Site(NamedTuple):
    """A place that makes an error.

    Attributes:
        file: below the package.
        function: the function it stands in, the empty text at the top of a module.
        line: of the call.
        kind: the name of the class of the error.
        texts: what the message can be.
    """

    file: str
    function: str
    line: int
    kind: str
    texts: tuple[str, ...]

    @property
    def folder(self) -> str:
        return self.file.partition("/")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.kind} in {self.function or 'the module'}"


class Kind(NamedTuple):
    """What is made of a message.

    Attributes:
        name: of the class.
        code: of a refused picture, whose function adds what to do.
        to_do: what it was told to add; None where it chooses by the code.
    """

    name: str
    code: str = ""
    to_do: str | None = None

    def said(self, text: str, classes: Mapping[str, type[LookalikeError]]) -> str:
        """What `str()` of the error gives: a class may add to what it was handed."""
        if self.name in TELLING:
            return text
        made = classes[self.name]
        if made is MissingExtra:
            return str(MissingExtra("torch", extra="gpu", purpose="a graphics card"))
        if self.code:
            return str(refusal(RefusalCode[self.code], text, to_do=self.to_do))
        if made.__name__ == "InvalidBody":
            return text
        try:
            return str(made(text))
        except TypeError:
            return str(made(text, code="code"))  # type: ignore[call-arg]


class Scope(NamedTuple):
    """Where a name means something: a module, perhaps a class and a function, and what its parameters were given.

    Attributes:
        module: by its dotted name.
        owner: the class, or None.
        function: or None at the top of the module.
        given: parameters and the texts they were given.
    """

    module: str
    owner: ast.ClassDef | None
    function: Function | None
    given: Mapping[str, Texts]


def sites() -> list[Site]:
    """All places, in the order of files and lines."""
    return sorted(_Walk().found(), key=lambda site: (site.file, site.line))


def error_classes() -> dict[str, type[LookalikeError]]:
    """Our errors by name: the tree, and what the service adds to it."""
    for name in ("lookalike.service.problems", "lookalike.service.api.bodies", "lookalike.service.stream.protocol"):
        importlib.import_module(name)
    found, waiting = {}, [LookalikeError]
    while waiting:
        one = waiting.pop()
        if one.__module__.startswith("lookalike."):
            found[one.__name__] = one
            waiting += one.__subclasses__()
    return found


class _Walk:
    def __init__(self) -> None:
        self._classes = error_classes()
        paths = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
        self._trees = {_dotted(path): ast.parse(path.read_text()) for path in paths}
        self._files = {_dotted(path): path.relative_to(SOURCE).as_posix() for path in paths}
        self._tops = {name: _top(tree) for name, tree in self._trees.items()}
        self._scopes = {name: list(_scopes(name, tree)) for name, tree in self._trees.items()}

    def found(self) -> Iterator[Site]:
        """Places by themselves, then the calls of those that are handed their message."""
        waiting: list[tuple[Scope, ast.Call, Kind, ast.expr, list[str]]] = []
        for scope, node in self._nodes():
            kind = self._kind(node, scope)
            message = _message(node)
            if kind is None or message is None or self._files[scope.module] in _MAKERS:
                continue
            parameters = self._handed(message, scope)
            if parameters:
                waiting.append((scope, node, kind, message, parameters))
            elif not self._handed_on(message, scope) and not _with_its_code(node):
                yield self._site(scope, node, kind, self._texts(message, scope))
        for scope, node, kind, message, _ in waiting:
            yield from self._at_calls(scope, node, kind, message, depth=0)
        yield from self._told_in_public()

    def _told_in_public(self) -> Iterator[Site]:
        for module, tree in self._trees.items():
            for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
                for function in (one for one in owner.body if isinstance(one, Function) and one.name == "public"):
                    scope = Scope(module, owner, function, {})
                    for node in (one for one in ast.walk(function) if isinstance(one, ast.Return)):
                        texts = self._texts(node.value, scope) if node.value is not None else []
                        own = [text for text in texts if not text.startswith(OPENS) or not text.endswith(CLOSES)]
                        yield self._site(scope, node, Kind("public"), own)

    def _at_calls(self, scope: Scope, node: ast.Call, kind: Kind, message: ast.expr, *, depth: int) -> Iterator[Site]:
        """One place for each call of the function that makes the error from what it is handed."""
        function = scope.function
        assert function is not None
        calls = [one for one in self._nodes() if self._calls(one[1], function, scope, one[0])]
        if not calls or depth > DEEPEST:
            yield self._site(scope, node, kind, self._texts(message, scope))
        for there, call in calls:
            given = self._given(function, call, there)
            inner = scope._replace(given=given)
            parts = [argument for name, argument in _arguments(function, call) if name in self._handed(message, scope)]
            further = [part for part in parts if self._handed(part, there)]
            if further and there.function is not None and there.function is not function:
                yield from self._through(inner, message, kind, there, call, depth=depth + 1)
            elif not any(self._handed_on(part, there) for part in parts):
                yield self._site(there, call, kind, self._texts(message, inner))

    def _through(
        self, maker: Scope, message: ast.expr, kind: Kind, scope: Scope, call: ast.Call, *, depth: int
    ) -> Iterator[Site]:
        """The places of a function that hands its own message on to another that makes the error."""
        assert scope.function is not None
        assert maker.function is not None
        calls = [one for one in self._nodes() if self._calls(one[1], scope.function, scope, one[0])]
        if not calls or depth > DEEPEST:
            yield self._site(scope, call, kind, self._texts(message, maker))
        for there, outer in calls:
            inner = scope._replace(given=self._given(scope.function, outer, there))
            given = self._given(maker.function, call, inner)
            parts = [argument for _, argument in _arguments(scope.function, outer)]
            if not any(self._handed_on(part, there) for part in parts):
                yield self._site(there, outer, kind, self._texts(message, maker._replace(given=given)))

    def _site(self, scope: Scope, node: ast.AST, kind: Kind, texts: Texts) -> Site:
        line = getattr(node, "lineno", 0)
        name = scope.function.name if scope.function is not None else ""
        shown = dict.fromkeys(kind.said(text, self._classes) for text in texts if text not in _JUDGED_THERE)
        return Site(self._files[scope.module], name, line, kind.name, tuple(shown))

    def _nodes(self) -> Iterator[tuple[Scope, ast.Call]]:
        for scopes in self._scopes.values():
            yield from scopes

    # --- which calls make an error

    def _kind(self, node: ast.Call, scope: Scope) -> Kind | None:
        """What a call makes an error of."""
        if isinstance(node.func, ast.Name) and node.func.id == "refusal":
            code = node.args[0].attr if isinstance(node.args[0], ast.Attribute) else RefusalCode.DAMAGED.name
            to_do = [self._texts(one.value, scope)[0] for one in node.keywords if one.arg == "to_do"]
            return Kind("ImageRefused", code, *to_do)
        name = self._class_name(node, scope) or _teller(node)
        return None if name is None else Kind(name)

    def _class_name(self, node: ast.Call, scope: Scope) -> str | None:
        """The class that a call makes an error of; of several that a name can be, the first."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if isinstance(node.func, ast.Attribute):
            return node.func.attr if node.func.attr in self._classes else None
        if name in self._classes:
            return name
        if scope.function is None:
            return None
        for value in _assigned(scope.function, name):
            words = [one.id for one in ast.walk(value) if isinstance(one, ast.Name) and one.id in self._classes]
            if words and not isinstance(value, ast.Call):
                return words[0]
        for argument in _parameters(scope.function):
            if argument.arg == name and argument.annotation is not None:
                words = [word for word in self._classes if word in ast.unparse(argument.annotation)]
                if words and "type[" in ast.unparse(argument.annotation):
                    return words[0]
        return None

    def _handed(self, message: ast.expr, scope: Scope) -> list[str]:
        """Parameters that the message, or its remedy, is made of."""
        if scope.function is None:
            return []
        texts = {
            one.arg
            for one in _parameters(scope.function)
            if one.annotation is not None and ast.unparse(one.annotation) in ("str", "object", "str | None")
        }
        whole = message
        while isinstance(whole, ast.Subscript):
            whole = whole.value
        if isinstance(whole, ast.Name) and whole.id in texts & _MESSAGES:
            return [whole.id]
        if isinstance(whole, ast.Name):
            return [name for value in _assigned(scope.function, whole.id) for name in self._handed(value, scope)]
        if isinstance(whole, ast.JoinedStr):
            inner = [part.value for part in whole.values if isinstance(part, ast.FormattedValue)]
            return [one.id for one in inner if isinstance(one, ast.Name) and one.id in texts & _MESSAGES]
        if isinstance(whole, ast.Call):
            return [one.id for one in ast.walk(whole) if isinstance(one, ast.Name) and one.id in texts & _MESSAGES]
        return []

    def _handed_on(self, message: ast.expr, scope: Scope) -> bool:
        """Whether it holds the message of another of our errors, or what was kept of one."""
        if scope.function is None:
            return False
        own = set()
        for node in ast.walk(scope.function):
            if isinstance(node, ast.ExceptHandler) and node.name and node.type is not None:
                kinds = [one.id for one in ast.walk(node.type) if isinstance(one, ast.Name)]
                if kinds and all(kind in self._classes for kind in kinds):
                    own.add(node.name)
        told = {one.id for one in ast.walk(message) if isinstance(one, ast.Name)}
        for _ in range(2):  # what a name was made of, too
            told |= {
                one.id
                for name in tuple(told)
                for value in _assigned(scope.function, name)
                for one in ast.walk(value)
                if isinstance(one, ast.Name)
            }
        kept = {ast.unparse(one) for one in ast.walk(message) if isinstance(one, ast.Attribute | ast.Subscript)}
        return bool(told & (own | _TELLERS)) or bool(kept & _KEPT)

    def _calls(self, node: ast.Call, function: Function, scope: Scope, there: Scope) -> bool:
        if isinstance(node.func, ast.Name):
            if node.func.id != function.name:
                return False
            if there.module == scope.module:
                return True
            return self._imported(there.module, node.func.id) == (scope.module, function.name)
        if isinstance(node.func, ast.Attribute) and node.func.attr == function.name:
            return there.module == scope.module and scope.owner is not None
        return False

    # --- what a message can be

    def _given(self, function: Function, call: ast.Call, there: Scope, depth: int = 0) -> dict[str, Texts]:
        return {name: self._texts(argument, there, depth + 1) for name, argument in _arguments(function, call)}

    def _texts(self, node: ast.expr, scope: Scope, depth: int = 0) -> Texts:
        return list(dict.fromkeys(self._all(node, scope, depth)))[:MOST_TEXTS]

    def _all(self, node: ast.expr, scope: Scope, depth: int) -> Texts:
        if depth > DEEPEST + 3:
            return [_mark(node)]
        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.Constant(value=value):
                return ["" if value is None else str(value)]
            case ast.JoinedStr(values=parts):
                return self._joined(parts, scope, depth)
            case ast.FormattedValue(value=value, conversion=conversion):
                if conversion in (-1, 115):
                    return self._all(value, scope, depth)
                return [f"{OPENS}{text.strip(OPENS + CLOSES)}{CLOSES}" for text in self._all(value, scope, depth)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._joined([left, right], scope, depth)
            case ast.BinOp(left=left, op=ast.Mult()):
                return ["", *self._all(left, scope, depth)]
            case ast.IfExp(body=body, orelse=orelse):
                return [*self._all(body, scope, depth), *self._all(orelse, scope, depth)]
            case ast.BoolOp(op=ast.Or(), values=values):
                return [text for value in values for text in self._all(value, scope, depth) if text]
            case ast.Name(id=name):
                return self._named(name, node, scope, depth)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Slice()):
                return self._named(name, node, scope, depth)
            case ast.Subscript(value=ast.Name() as table):
                return self._looked_up(table, node, scope, depth)
            case ast.Attribute(value=ast.Name(id="RefusalCode")):
                return [str(getattr(RefusalCode, node.attr, node.attr))]
            case ast.Call(func=ast.Name(id=name)) if name in self._classes:
                return [Kind(name).said(text, self._classes) for text in self._all(node.args[0], scope, depth)]
            case ast.Call():
                return self._returned(node, scope, depth)
            case ast.List(elts=[ast.Dict() as one]) | (ast.Dict() as one):
                told = [v for k, v in zip(one.keys, one.values, strict=True) if getattr(k, "value", "") == "detail"]
                return self._all(told[0], scope, depth) if told else [_mark(node)]
            case _:
                return [_mark(node)]

    def _joined(self, parts: Sequence[ast.expr], scope: Scope, depth: int) -> Texts:
        each = [self._all(part, scope, depth) for part in parts]
        return ["".join(one) for one in itertools.islice(itertools.product(*each), MOST_TEXTS)]

    def _named(self, name: str, node: ast.expr, scope: Scope, depth: int) -> Texts:
        if name in scope.given:
            return scope.given[name]
        if scope.function is not None:
            values = _assigned(scope.function, name)
            if values:
                return [text for value in values for text in self._all(value, scope, depth + 1)]
            if any(name == one.arg for one in _parameters(scope.function)):
                return [_mark(node)]
        module, told = self._imported(scope.module, name) or (scope.module, name)
        value = self._tops.get(module, {}).get(told)
        if isinstance(value, ast.expr):
            return self._all(value, Scope(module, None, None, {}), depth + 1)
        return [_mark(node)]

    def _looked_up(self, table: ast.Name, node: ast.expr, scope: Scope, depth: int) -> Texts:
        local = _assigned(scope.function, table.id) if scope.function is not None else []
        module, told = self._imported(scope.module, table.id) or (scope.module, table.id)
        values = local or [value for value in (self._tops.get(module, {}).get(told),) if isinstance(value, ast.expr)]
        if len(values) == 1 and isinstance(values[0], ast.Dict):
            inner = scope if local else Scope(module, None, None, {})
            return [text for value in values[0].values for text in self._all(value, inner, depth + 1)]
        return [_mark(node)]

    def _returned(self, call: ast.Call, scope: Scope, depth: int) -> Texts:
        match call.func:
            case ast.Name(id="str" | "repr") if call.args:
                return self._all(call.args[0], scope, depth)
            case ast.Attribute(value=value, attr="strip" | "splitlines" | "lower" | "format"):
                return self._all(value, scope, depth)
            case ast.Attribute(value=ast.Constant(value=str()), attr="join"):
                whole = {one.id for one in ast.walk(call) if isinstance(one, ast.Name) and one.id in _MESSAGES}
                given = [one for one in whole if one in scope.given]
                return scope.given[given[0]] if given else [_mark(call)]
            case _:
                found = self._function_of(call, scope)
        if found is None:
            return [_mark(call)]
        module, owner, function = found
        if function.returns is None or ast.unparse(function.returns) not in ("str", "str | None"):
            return [_mark(call)]
        given = self._given(function, call, scope, depth)
        inner = Scope(module, owner, function, given)
        returned = [
            node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None
        ]
        return [text for value in returned for text in self._all(value, inner, depth + 1)]

    def _function_of(self, call: ast.Call, scope: Scope) -> tuple[str, ast.ClassDef | None, Function] | None:
        if isinstance(call.func, ast.Name):
            module, told = self._imported(scope.module, call.func.id) or (scope.module, call.func.id)
            value = self._tops.get(module, {}).get(told)
            return (module, None, value) if isinstance(value, Function) else None
        match call.func:
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if scope.owner is not None:
                for node in scope.owner.body:
                    if isinstance(node, Function) and node.name == name:
                        return scope.module, scope.owner, node
        return None

    def _imported(self, module: str, name: str) -> tuple[str, str] | None:
        value = self._tops.get(module, {}).get(name)
        if isinstance(value, ast.ImportFrom) and value.module:
            told = next(one.name for one in value.names if (one.asname or one.name) == name)
            return value.module, told
        return None


_MAKERS = {"core/errors.py", "images/refusals.py", "service/edge/refusing.py"}
"""Files that only put together what others hand them."""

_MESSAGES = {
    "reason",
    "message",
    "detail",
    "why",
    "what",
    "text",
    "expected",
    "explanation",
    "told",
    "fault",
    "told_as",
}
"""What a parameter is named that is a message or the heart of one."""

_KEPT = {"upload.detail", "result['detail']", "error.public", "refusal.detail", "head['refused']"}
"""Where the message of one of our errors was kept, to be told later."""


_JUDGED_THERE = {"«error.public»", "«error.detail»"}
"""Texts that are judged where they are made."""


_TELLERS = {"errors_of"}
"""Functions that tell in our words what a library has found wrong; they have tests of their own."""


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def _top(tree: ast.Module) -> dict[str, ast.AST]:
    """What the names of a module stand for: a value, a function, or where it was imported from."""
    found: dict[str, ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {one.asname or one.name: node for one in node.names}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = node
    return found


def _scopes(module: str, tree: ast.Module) -> Iterator[tuple[Scope, ast.Call]]:
    """Every call with the innermost named function around it."""
    waiting: list[tuple[ast.AST, ast.ClassDef | None, Function | None]] = [(tree, None, None)]
    while waiting:
        node, owner, function = waiting.pop()
        if isinstance(node, ast.Call):
            yield Scope(module, owner, function, {}), node
        if isinstance(node, ast.ClassDef):
            owner = node
        if isinstance(node, Function):
            function = node
        waiting += [(child, owner, function) for child in ast.iter_child_nodes(node)]


def _message(node: ast.Call) -> ast.expr | None:
    """The message that an error is made with; None where it has none."""
    for keyword in node.keywords:
        if keyword.arg == "reason":
            return keyword.value
    if isinstance(node.func, ast.Name) and node.func.id == "refusal":
        return node.args[1]
    if (teller := _teller(node)) is not None:
        place = TELLING[teller]
        named = [one.value for one in node.keywords if one.arg == "detail"]
        return next(iter([*named, *node.args[place : place + 1]] if place is not None else named), None)
    return node.args[0] if node.args else None


def _teller(node: ast.Call) -> str | None:
    """What a call tells people with; a `Refusal(*others)` has its message from elsewhere."""
    if any(isinstance(one, ast.Starred) for one in node.args):
        return None
    match node.func:
        case ast.Name(id=name) if name in TELLING and name != "fail":
            return name
        case ast.Attribute(value=ast.Name(id="click"), attr="UsageError"):
            return "UsageError"
        case ast.Attribute(value=ast.Name(id="context"), attr="fail"):
            return "fail"
    return None


def _with_its_code(node: ast.Call) -> bool:
    """Whether it has the code of the error whose message it has: that is one of ours, handed on."""
    codes = [one.value.value for one in node.keywords if one.arg == "code" and isinstance(one.value, ast.Attribute)]
    told = {ast.unparse(one) for argument in node.args for one in ast.walk(argument) if isinstance(one, ast.expr)}
    return any(ast.unparse(one) in told for one in codes)


def _parameters(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _arguments(function: Function, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Which parameter gets which argument; defaults of those that get none."""
    places = [one.arg for one in (*function.args.posonlyargs, *function.args.args) if one.arg not in ("self", "cls")]
    given = {name: one for name, one in zip(places, call.args, strict=False) if not isinstance(one, ast.Starred)}
    given |= {one.arg: one.value for one in call.keywords if one.arg}
    defaults = dict(zip(reversed(places), reversed(function.args.defaults), strict=False))
    named = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    defaults |= {one.arg: value for one, value in named if value is not None}
    yield from {**defaults, **given}.items()


def _assigned(function: Function, name: str) -> list[ast.expr]:
    """All values that a name is given in a function."""
    found = []
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name) and target.id == name:
                        found.append(value)
                    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                        pairs = zip(target.elts, value.elts, strict=False)
                        found += [one for to, one in pairs if isinstance(to, ast.Name) and to.id == name]
            case ast.AnnAssign(target=ast.Name(id=to), value=ast.expr() as value) if to == name:
                found.append(value)
            case ast.NamedExpr(target=ast.Name(id=to), value=value) if to == name:
                found.append(value)
    return found


def _mark(node: ast.expr) -> str:
    return f"{OPENS}{ast.unparse(node)[:60]}{CLOSES}"
