"""What can be set of a collection.

The file is `lookalike.toml` in the user's configuration folder, or the one that `LOOKALIKE_CONFIG` names:

    collection = "~/Pictures/.photos.lookalike"
    model = "auto"             # "auto", "int8", "fp32" or the path of an ONNX file
    projection = "auto"        # "auto" or "off"
    engine = "auto"            # "auto", "exact" or a factory string of FAISS such as "IVF4096,PQ64x4fs"
    recall = 0.99              # that an approximate index is to have
    memory = "4G"              # that building an index may take
    threads = 2
    cache = "~/.cache/lookalike"

Each name has an environment variable: `LOOKALIKE_COLLECTION`, `LOOKALIKE_MODEL`, `LOOKALIKE_PROJECTION`,
`LOOKALIKE_ENGINE`, `LOOKALIKE_RECALL`, `LOOKALIKE_MEMORY`, `LOOKALIKE_THREADS`, `LOOKALIKE_CACHE`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

import platformdirs

from lookalike.core.errors import BadInput
from lookalike.core.sizes import parse_bytes

Projecting = Literal["auto", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set.

    Attributes:
        collection: folder of the collection.
        model: `int8`, `fp32`, the path of an ONNX file, or `auto`: what the collection was made with, `int8` for a
            new one.
        projection: `auto` learns one from the collection once it is large enough, `off` compares raw vectors.
        engine: `auto`, `exact`, or a factory string of FAISS.
        recall: the share of the true nearest that an approximate index is to find, above 0 and at most 1.
        memory: bytes that building an index may take; None for as much as is convenient.
        threads: that read, decode and embed at once.
        cache: folder in which models are kept.
    """

    collection: Path
    model: str
    projection: Projecting
    engine: str
    recall: float
    memory: int | None
    threads: int
    cache: Path


def read_settings(
    *, environment: Mapping[str, str] | None = None, **given: str | os.PathLike[str] | int | float | None
) -> Settings:
    """Gather the settings.

    Args:
        environment: variables; those of the process if None.
        given: what the caller says, by name; None counts as not said.
    Raises:
        BadInput: when a value is not possible, or the file cannot be read; the message says where it came from.
    """
    variables = os.environ if environment is None else environment
    known = {field.name for field in fields(Settings)}
    if unknown := sorted(set(given) - known):
        raise BadInput(f"unknown setting {unknown[0]!r}; the settings are {', '.join(sorted(known))}")
    values: dict[str, tuple[Any, str]] = {name: (value, "the default") for name, value in _defaults().items()}
    values.update(_from_file(variables, known))
    values.update(_from_environment(variables, known))
    values.update({name: (value, "the argument") for name, value in given.items() if value is not None})
    return Settings(
        collection=_folder("collection", values),
        model=_text("model", values),
        projection=_projection(values),
        engine=_text("engine", values),
        recall=_recall(values),
        memory=_memory(values),
        threads=_threads(values),
        cache=_folder("cache", values),
    )


def _defaults() -> dict[str, object]:
    return {
        "collection": platformdirs.user_data_path("lookalike") / "photos.lookalike",
        "model": "auto",
        "projection": "auto",
        "engine": "auto",
        "recall": 0.99,
        "memory": None,
        "threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "cache": platformdirs.user_cache_path("lookalike"),
    }


def _from_file(variables: Mapping[str, str], known: set[str]) -> dict[str, tuple[Any, str]]:
    named = variables.get("LOOKALIKE_CONFIG")
    path = Path(os.path.expanduser(named)) if named else platformdirs.user_config_path("lookalike") / "lookalike.toml"
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if not named:
            return {}
        raise BadInput(f"LOOKALIKE_CONFIG names {path}, which is not there") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"the settings in {path} cannot be read: {error}") from error
    if unknown := sorted(set(table) - known):
        raise BadInput(f"unknown setting {unknown[0]!r} in {path}; the settings are {', '.join(sorted(known))}")
    return {name: (value, str(path)) for name, value in table.items()}


def _from_environment(variables: Mapping[str, str], known: set[str]) -> dict[str, tuple[Any, str]]:
    named = {name: f"LOOKALIKE_{name.upper()}" for name in known}
    return {name: (variables[variable], variable) for name, variable in named.items() if variables.get(variable)}


def _text(name: str, values: Mapping[str, tuple[Any, str]]) -> str:
    value, source = values[name]
    text = os.fsdecode(value) if isinstance(value, str | os.PathLike) else ""
    if not text or "\0" in text:
        raise BadInput(f"expected a text for {name}, got {value!r} from {source}")
    return text


def _folder(name: str, values: Mapping[str, tuple[Any, str]]) -> Path:
    return Path(os.path.expanduser(_text(name, values))).absolute()


def _projection(values: Mapping[str, tuple[Any, str]]) -> Projecting:
    value, source = values["projection"]
    if value not in ("auto", "off"):
        raise BadInput(f"expected 'auto' or 'off' for projection, got {value!r} from {source}")
    return cast(Projecting, value)


def _threads(values: Mapping[str, tuple[Any, str]]) -> int:
    value, source = values["threads"]
    try:
        threads = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else 0
    except ValueError:
        threads = 0
    if not 1 <= threads <= 1024:
        raise BadInput(f"expected 1 to 1024 threads, got {value!r} from {source}")
    return threads


def _recall(values: Mapping[str, tuple[Any, str]]) -> float:
    value, source = values["recall"]
    try:
        recall = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except ValueError:
        recall = 0.0
    if not 0 < recall <= 1:
        raise BadInput(f"expected a recall above 0 and at most 1, got {value!r} from {source}")
    return recall


def _memory(values: Mapping[str, tuple[Any, str]]) -> int | None:
    value, source = values["memory"]
    if value is None:
        return None
    try:
        return parse_bytes(str(value))
    except BadInput as error:
        raise BadInput(f"{error} from {source}") from None
