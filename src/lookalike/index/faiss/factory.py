"""Making a FAISS structure from a factory string: https://github.com/facebookresearch/faiss/wiki/The-index-factory.

Two things are ours. `Shards4,` in front of any string makes four structures of its kind that share the vectors and are
searched side by side (`IndexShards`). And `,Refine(...)` or `,RFlat` at the end is left away, for the best candidates
are always compared again with rows that we hold; so is `IDMap,` at the beginning, for ids are places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from lookalike.core.errors import BadInput
from lookalike.core.vectors import Vectors
from lookalike.index.faiss.library import faiss, translating

_SHARDS = re.compile(r"Shards([0-9]{1,4}),")
_NUMBERED = re.compile(r"^IDMap2?,")
_REFINE = re.compile(r",(RFlat|Refine\(.*\))$")


_TO_DO = "; correct it, or take `auto`: see https://github.com/facebookresearch/faiss/wiki/The-index-factory"


class Description(NamedTuple):
    """A factory string taken apart."""

    shards: int
    one: str


def describe(factory: str) -> Description:
    """Take a factory string apart.

    Raises:
        BadInput: when it asks for no shard.
    """
    match = _SHARDS.match(factory)
    shards = int(match[1]) if match else 1
    if shards < 1:
        raise BadInput(f"expected at least one shard, got {factory!r}; leave the number away for one that fits")
    one = factory[match.end() :] if match else factory
    return Description(shards, _NUMBERED.sub("", _REFINE.sub("", one)))


def check_factory(factory: str, *, dimensions: Iterable[int]) -> None:
    """Refuse a string that FAISS never understands, within milliseconds; what only vectors tell is left to `train`.

    Args:
        factory: FAISS's description.
        dimensions: of the vectors, as far as is known: it is enough that the string fits one of them.
    Raises:
        BadInput: when it fits none.
    """
    _, one = describe(factory)
    refused: RuntimeError | None = None
    for dimension in dimensions:
        try:
            faiss().index_factory(dimension, one, faiss().METRIC_INNER_PRODUCT)
        except RuntimeError as error:
            refused = refused or error
        else:
            return
    if refused is not None:
        with _translating(factory):
            raise refused


def train(factory: str, sample: Vectors, *, residual: bool = False) -> Any:
    """Make a structure and train it.

    Args:
        factory: FAISS's description.
        sample: shape (N, D), float32, rows of length 1.
        residual: code what is left when the centroid is taken away, where FAISS by itself would not.
    Returns:
        an empty index of FAISS that is trained, compares by inner product and takes ids.
    Raises:
        BadInput: when FAISS does not understand the string, or it does not fit the vectors or their number.
    """
    shards, one = describe(factory)
    with _translating(factory):
        structure = _train(one, sample, residual=residual)
        if shards == 1:
            return structure
        return together(
            [_with_ids(structure if shard == 0 else faiss().clone_index(structure)) for shard in range(shards)]
        )


def _translating(factory: str) -> AbstractContextManager[None]:
    expected = f"expected a factory string that FAISS understands, got {factory!r}"
    return translating(BadInput, expected, to_do=_TO_DO)


def together(parts: list[Any]) -> Any:
    """Shards as one index, which searches them in threads of their own."""
    shards = faiss().IndexShards(parts[0].d, True, False)
    for part in parts:
        shards.add_shard(part)  # FAISS's Python keeps hold of the part
    return shards


def _train(one: str, sample: Vectors, *, residual: bool) -> Any:
    structure = faiss().index_factory(sample.shape[1], one, faiss().METRIC_INNER_PRODUCT)
    _quieten(structure)
    lists = faiss().try_extract_index_ivf(structure)
    if lists is not None and lists.nlist < 1:
        raise RuntimeError("it has no lists")
    if residual and lists is not None:
        lists.by_residual = True
    if not structure.is_trained:
        structure.train(sample)
    if not structure.is_trained or structure.metric_type != faiss().METRIC_INNER_PRODUCT:
        raise RuntimeError("it cannot be trained to compare by inner product")
    return structure


def _with_ids(structure: Any) -> Any:
    """Some structures number their vectors themselves; inside shards they cannot."""
    if faiss().try_extract_index_ivf(structure) is not None:
        return structure
    return faiss().IndexIDMap(structure)


def _quieten(structure: Any) -> None:
    """FAISS warns on the standard error of few training vectors; that they are enough is ours to know."""
    for part in _parts(structure):
        for clustering in (getattr(part, "cp", None), getattr(getattr(part, "pq", None), "cp", None)):
            if clustering is not None:
                clustering.min_points_per_centroid = 1


def _parts(structure: Any) -> Iterator[Any]:
    """What is trained within a structure, itself included."""
    yield structure
    for name in ("index", "storage"):
        if getattr(structure, name, None) is not None:
            yield from _parts(faiss().downcast_index(getattr(structure, name)))
