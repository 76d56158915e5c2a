"""What can be set of a collection.

The file is `lookalike.toml` in the user's configuration folder, or the one that `LOOKALIKE_CONFIG` names:

    collection = "~/Pictures/.photos.lookalike"
    model = "auto"             # "auto", "int8", "fp32", "fine" or the path of an ONNX file
    projection = "auto"        # "auto" or "off"
    engine = "auto"            # "auto", "exact", "gpu" or a factory string of FAISS such as "IVF4096,PQ64x4fs"
    recall = 0.99              # that an approximate index is to have
    memory = "4G"              # that building an index may take
    threads = 2
    cache = "~/.cache/lookalike"
    vectors = ""               # "postgresql://..." with pgvector, where the index is to live; else in each process
    keep_removed_days = 90     # for which labels and metadata of removed pictures are kept; 0 keeps none
    allow_private_addresses = false   # whether a URL as a query may lead into one's own network
    max_pixels = 400_000_000   # of one picture, and on a side: max_side
    max_bytes = "500M"         # of one file
    max_decode_bytes = "4G"    # memory that decoding one picture may take
    max_expansion = 2_000      # and that, beyond 256 MB, divided by the size of the file

Each name has an environment variable: `LOOKALIKE_COLLECTION`, `LOOKALIKE_MODEL`, `LOOKALIKE_PROJECTION`,
`LOOKALIKE_ENGINE`, `LOOKALIKE_RECALL`, `LOOKALIKE_MEMORY`, `LOOKALIKE_THREADS`, `LOOKALIKE_CACHE`, `LOOKALIKE_VECTORS`,
`LOOKALIKE_KEEP_REMOVED_DAYS`, `LOOKALIKE_ALLOW_PRIVATE_ADDRESSES`, `LOOKALIKE_MAX_PIXELS`, `LOOKALIKE_MAX_SIDE`,
`LOOKALIKE_MAX_BYTES`, `LOOKALIKE_MAX_DECODE_BYTES`, `LOOKALIKE_MAX_EXPANSION`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast, get_args

import platformdirs

from lookalike.core.errors import BadInput
from lookalike.core.processors import available_processors
from lookalike.core.retention import KEEP_REMOVED_DAYS
from lookalike.core.sizes import parse_bytes
from lookalike.images.limits import DEFAULT_LIMITS, ImageLimits
from lookalike.settings.reading import Values, choice, flag, folder, gather, text, whole

SERVE = "serve"
"""The table of the file that is about the service: see `lookalike.settings.service_reading`."""

_COUNTS = ("max_pixels", "max_side", "max_expansion")
_SIZES = ("max_bytes", "max_decode_bytes")
"""Limits of one picture that can be set."""

Projecting = Literal["auto", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set.

    Attributes:
        collection: folder of the collection.
        model: `int8`, `fp32`, `fine`, the path of an ONNX file, or `auto`: what the collection was made with, `int8`
            for a new one.
        projection: `auto` learns one from the collection once it is large enough, `off` compares raw vectors.
        engine: `auto`, `exact`, `gpu`, or a factory string of FAISS.
        recall: the share of the true nearest that an approximate index is to find, above 0 and at most 1.
        memory: bytes that building an index may take; None for as much as is convenient.
        threads: that read, decode and embed at once.
        cache: folder in which models are kept.
        limits: what one picture may cost.
        keep_removed_days: for which the metadata of removed pictures is kept.
        allow_private_addresses: whether a URL as a query may lead to this machine or its own network.
    """

    collection: Path
    model: str
    projection: Projecting
    engine: str
    recall: float
    memory: int | None
    threads: int
    cache: Path
    limits: ImageLimits = DEFAULT_LIMITS
    allow_private_addresses: bool = False
    keep_removed_days: int = KEEP_REMOVED_DAYS
    vectors: str = field(default="", repr=False)


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
    values = gather(
        _defaults(),
        variables=os.environ if environment is None else environment,
        prefix="LOOKALIKE_",
        apart=(SERVE,),
        given=given,
    )
    return Settings(
        collection=folder("collection", values),
        model=text("model", values),
        projection=cast(Projecting, choice("projection", values, of=get_args(Projecting))),
        engine=text("engine", values),
        recall=_recall(values),
        memory=_memory(values),
        threads=whole("threads", values, least=1, most=1024, expected="1 to 1024 threads"),
        cache=folder("cache", values),
        limits=_limits(values),
        allow_private_addresses=flag("allow_private_addresses", values),
        keep_removed_days=whole("keep_removed_days", values, least=0, most=36_500, expected="0 to 36500 days"),
        vectors="" if values["vectors"].value == "" else text("vectors", values),
    )


def _defaults() -> dict[str, object]:
    return {
        "collection": platformdirs.user_data_path("lookalike") / "photos.lookalike",
        "model": "auto",
        "projection": "auto",
        "engine": "auto",
        "recall": 0.99,
        "memory": None,
        "threads": available_processors(),
        "cache": platformdirs.user_cache_path("lookalike"),
        "allow_private_addresses": False,
        "keep_removed_days": KEEP_REMOVED_DAYS,
        "vectors": "",
        **{name: getattr(DEFAULT_LIMITS, name) for name in (*_COUNTS, *_SIZES)},
    }


def _recall(values: Values) -> float:
    value, source = values["recall"]
    try:
        recall = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except ValueError:
        recall = 0.0
    if not 0 < recall <= 1:
        raise BadInput(
            f"expected a recall above 0 and at most 1, got {value!r} from {source}"
            "; leave it out for the usual one, or take 1 for an exact search"
        )
    return recall


def _memory(values: Values) -> int | None:
    return None if values["memory"].value is None else _bytes("memory", values)


def _limits(values: Values) -> ImageLimits:
    counts = {name: whole(name, values, least=1, most=10**15) for name in _COUNTS}
    sizes = {name: _bytes(name, values) for name in _SIZES}
    return replace(DEFAULT_LIMITS, **counts, **sizes)


def _bytes(name: str, values: Values) -> int:
    value, source = values[name]
    try:
        return parse_bytes(str(value))
    except BadInput:
        raise BadInput(
            f"expected a size such as 4G or 512M for {name}, got {str(value)[:300]!r} from {source}; leave it out "
            "for the "
            "usual one"
        ) from None
