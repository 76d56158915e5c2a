"""Whatever is handed to the public functions of Python, what cannot be used is told by one of our errors.

Every public callable is walked with wrong types for each of its parameters, and every message has its three parts.
`calls` says what each is called with besides; a callable or a parameter that is added later is walked by itself.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import lookalike
from lookalike.collection import Collection
from lookalike.core.arguments import Kind, kinds_of
from lookalike.core.errors import BadInput, LookalikeError
from tests.collections import new_collection, png, write
from tests.unit.source.error_rule import lacks


class Wrong(NamedTuple):
    """A value, and which kinds it is right for."""

    value: object
    fits: frozenset[Kind]


@dataclass
class NoPicture:
    """Something of no class that anybody knows."""

    name: str = "a.jpg"
    parts: list[str] = field(default_factory=list)


WRONG = [
    Wrong(None, frozenset({Kind.NOTHING})),
    Wrong(5, frozenset({Kind.WHOLE, Kind.NUMBER})),
    Wrong(-(10**400), frozenset({Kind.WHOLE, Kind.NUMBER})),
    Wrong(2.5, frozenset({Kind.NUMBER})),
    Wrong(float("nan"), frozenset({Kind.NUMBER})),
    Wrong(float("inf"), frozenset({Kind.NUMBER})),
    Wrong(True, frozenset({Kind.FLAG})),
    Wrong(np.int64(3), frozenset({Kind.WHOLE, Kind.NUMBER})),
    Wrong(np.float32("nan"), frozenset({Kind.NUMBER})),
    Wrong(np.bool_(False), frozenset({Kind.FLAG})),
    Wrong(np.array([1, 2]), frozenset()),
    Wrong(Decimal(3), frozenset()),
    Wrong(3j, frozenset()),
    Wrong("", frozenset({Kind.TEXT, Kind.PATH})),
    Wrong("3", frozenset({Kind.TEXT, Kind.PATH})),
    Wrong("a\0b", frozenset({Kind.TEXT})),
    Wrong("\ud800", frozenset({Kind.TEXT, Kind.PATH})),
    Wrong(b"photos", frozenset()),
    Wrong(bytearray(b"photos"), frozenset()),
    Wrong(Path("nowhere"), frozenset({Kind.PATH})),
    Wrong([], frozenset({Kind.TEXTS, Kind.PATHS})),
    Wrong([None], frozenset()),
    Wrong(["a", 5], frozenset()),
    Wrong([b"a"], frozenset()),
    Wrong(("a", "b"), frozenset({Kind.TEXTS, Kind.PATHS})),
    Wrong({}, frozenset({Kind.TABLE, Kind.TABLES})),
    Wrong({5: "a"}, frozenset()),
    Wrong({"a": 5}, frozenset({Kind.TABLE})),
    Wrong({"a"}, frozenset()),
    Wrong(object(), frozenset()),
    Wrong(NoPicture(), frozenset()),
    Wrong(NoPicture, frozenset({Kind.FUNCTION})),
    Wrong(iter("ab"), frozenset()),
]

FOR_ENGINES = {"Filter.matches", "Filter.withholding"}
"""What engines call once for each picture, with what they have made themselves."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Everything that public callables are methods of, and what they are called with."""
    for folder in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{folder}_HOME", str(tmp_path / folder))
    monkeypatch.delenv("LOOKALIKE_COLLECTION", raising=False)
    (tmp_path / "photos").mkdir()
    vectors = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    stopped = threading.Event()
    stopped.set()
    with new_collection() as collection:
        for seed in range(3):
            collection.add(write(tmp_path / "photos" / f"{seed}.png", seed))
        result = collection.search(png(1))
        yield {
            "folder": tmp_path,
            "collection": collection,
            "pictures": collection.pictures,
            "models": collection.models,
            "result": result,
            "knn result": lookalike.knn(vectors, vectors, 2),
            "vectors": vectors,
            "photo": png(1),
            "id": result[0].id,
            "hit": result[0],
            "stopped": stopped,
        }


def calls(world: dict[str, Any]) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Every public callable that takes something, and what it needs besides the parameter that is wrong."""
    picture = {"query": world["photo"], "hit": world["id"]}
    target = world["folder"] / "out"
    needs: dict[str, dict[str, Any]] = {
        "search": {"query": world["photo"]},
        "add": {"picture": world["photo"], "name": "fine", "source": "int8"},
        "label": {"image_id": world["id"], "metadata": {}},
        "why": picture,
        "drawing_of": picture,
        "export_to": {"path": target / "a.jsonl"},
        "import_from": {"path": target / "a.jsonl"},
        "add_model": {"name": "fine", "source": "nowhere.onnx"},
        "watch": {"stop": world["stopped"], "on_change": lambda: None},
        "spread": {"count": 2},
        "thumbnail": {"picture": world["id"]},
        "knn": {"base": world["vectors"], "queries": world["vectors"]},
        "open": {"path": ":memory:", "image_id": world["id"]},
        "adapt": {
            "source": "nowhere.onnx",
            "target": target / "b.onnx",
            "name": "own",
            "input_side": 8,
            "mean": (0, 0, 0),
            "std": (1, 1, 1),
        },
        "sheet": {"path": target / "sheet.html"},
        "save": {"path": target / "knn.csv"},
        "to_parquet": {"path": target / "knn.parquet"},
        "Crop": {"x": 0, "y": 0, "width": 1, "height": 1, "relative": True},
        "box": {"width": 4, "height": 4},
    }
    owners = [
        *(("Collection", world["collection"]), ("Pictures", world["pictures"]), ("Models", world["models"])),
        *(("SearchResult", world["result"]), ("KnnResult", world["knn result"])),
        *(("Filter", lookalike.Filter.parse("width > 1")), ("Crop", lookalike.Crop(0, 0, 1, 1, relative=True))),
    ]
    functions = [name for name in lookalike.__all__ if inspect.isfunction(getattr(lookalike, name))]
    found: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
        f"lookalike.{name}": (getattr(lookalike, name), needs[name]) for name in (*functions, "Crop")
    }
    for owner, one in owners:
        for name in sorted(vars(one if isinstance(one, type) else type(one))):
            method = None if name.startswith("_") else inspect.getattr_static(one, name)
            if f"{owner}.{name}" in FOR_ENGINES:
                continue
            if callable(method) or isinstance(method, classmethod | staticmethod):
                found[f"{owner}.{name}"] = (getattr(one, name), needs.get(name, {}))
    return found


def _outcome(call: Callable[[], object]) -> BaseException | None:
    try:
        made = call()
    except BaseException as error:
        return error
    if isinstance(made, Collection):
        made.close()
    return None


def test_every_public_callable_answers_wrong_types_with_our_errors(
    world: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world["folder"])
    faults, tried = [], 0
    for name, (function, needs) in calls(world).items():
        for one in inspect.signature(function).parameters.values():
            for wrong in WRONG:
                tried += 1
                error = _outcome(partial(_call, function, one, wrong.value, needs))
                fault = _fault(error, one, wrong)
                if fault:
                    faults.append(f"{name}({one.name}={wrong.value!r:.40}): {fault}")
    assert tried > 2_000
    assert not faults, "\n".join(faults)


def _call(function: Callable[..., Any], one: inspect.Parameter, value: object, needs: dict[str, Any]) -> object:
    known = inspect.signature(function).parameters
    given = {name: need for name, need in needs.items() if name in known and name != one.name}
    if one.kind is one.VAR_POSITIONAL:
        return function(value, **given)
    return function(**{**given, one.name: value})


def _fault(error: BaseException | None, one: inspect.Parameter, wrong: Wrong) -> str:
    kinds = kinds_of(one.annotation)
    if error is None:
        return "was taken" if kinds and not kinds & wrong.fits else ""
    if not isinstance(error, LookalikeError):
        return f"{type(error).__name__}: {error}"
    if kinds and not kinds & wrong.fits and not isinstance(error, BadInput):
        return f"is no BadInput but {type(error).__name__}: {error}"
    missing = lacks(str(error))
    return f"lacks {sorted(missing)}: {error}" if missing else ""


def test_what_a_parameter_takes_is_known_but_for_those_that_can_be_many_things(world: dict[str, Any]) -> None:
    judged_deeper = {
        f"{name}({one.name})"
        for name, (function, _) in calls(world).items()
        for one in inspect.signature(function).parameters.values()
        if not kinds_of(one.annotation)
    }
    assert {one.partition("(")[2] for one in judged_deeper} == {
        *("query)", "picture)", "pictures)", "where)", "crop)", "hit)", "table)", "stop)", "value)", "pixels)"),
        *("base)", "queries)", "mean)", "std)"),
    }


def test_numbers_of_numpy_are_numbers(world: dict[str, Any]) -> None:
    collection = world["collection"]
    assert len(collection.search(world["photo"], k=np.int64(2), recall=np.float32(1), min_confidence=np.int8(0))) == 2
    assert len(collection.pictures.list(limit=np.uint8(1))) == 1
    assert collection.index(world["folder"] / "photos", dry_run=np.bool_(True)).unchanged == 3


def test_a_text_is_no_list_of_texts(world: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"expected exclude as a list of texts, got str: '\*.png'; put the texts into"):
        world["collection"].index(world["folder"], exclude="*.png")


def test_an_option_that_is_not_there_is_told_with_those_that_are(world: dict[str, Any]) -> None:
    with pytest.raises(
        TypeError, match=r"there is no option 'reranker'. Did you mean 'rerank'\? The options are k, wh"
    ):
        world["collection"].search(world["photo"], reranker="local")
    with pytest.raises(TypeError, match=r"there is no option 'treshold'. Did you mean 'threshold'"):
        world["collection"].duplicates(treshold=0.9)
