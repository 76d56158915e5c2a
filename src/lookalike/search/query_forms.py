"""In which forms a query may come, and how they are told apart: pictures, vectors, and several of them.

- A text is a path, a URL, an id or a sum of those; bytes and Pillow images are pictures.
- Numbers along one axis, in an array or a list, are a vector.
- Two axes are a grey picture where they are uint8, uint16 or bool; of every other type they are vectors, one a row,
  and each row must have as many numbers as the model's vectors. `shape (1, D)` is one vector.
- Three axes, the last of 1, 3 or 4, are a picture; of floats from 0 to 1, or whole numbers.
- A list or tuple of other things is several queries.

Whatever has `__array__`, such as a torch tensor or a pandas series, is the array that it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from os import PathLike
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.core.arrays import as_array, is_array_like, is_grey, is_pillow_image
from lookalike.core.errors import BadQuery, BadVectors, DimensionMismatch
from lookalike.images.pictures import Picture

Query: TypeAlias = "Picture | Sequence[float]"
"""One query: a picture (see `Picture`), an id, a URL, a sum, or a vector of shape (D,) or (1, D), any real dtype."""

_FORMS = "a path, an id, a URL, bytes, a Pillow image, an array or a vector"


class Queries(NamedTuple):
    """What is asked.

    Attributes:
        each: pictures in the forms of `Picture`, or vectors of shape (D,).
        several: whether a list of answers is expected, whatever their number.
    """

    each: list[Picture]
    several: bool


def as_queries(asked: object, *, dimension: int) -> Queries:
    """Tell one query from several, and vectors from pictures, by the rules above.

    Args:
        asked: anything.
        dimension: D of the vectors of the collection's model.
    Raises:
        BadQuery: when it is nothing that can be searched for.
        BadVectors: when it looks like vectors and does not hold real numbers.
        DimensionMismatch: when it looks like vectors and they have another width.
    """
    if isinstance(asked, str | PathLike | bytes | bytearray | memoryview) or is_pillow_image(asked):
        one: Any = asked
        return Queries([one], several=False)
    if is_array_like(asked):
        array = as_array(asked)
        return _of_list(array.tolist(), dimension) if _holds_objects(array) else _of_array(array, dimension)
    if isinstance(asked, list | tuple):
        return _of_list(asked, dimension)
    raise BadQuery(
        f"expected {_FORMS}, or a list of such queries, got {type(asked).__name__}; convert it to one of those"
    )


def _of_list(items: Sequence[Any], dimension: int) -> Queries:
    if items and all(_is_number(item) for item in items):
        return Queries([_check_vector(np.asarray(items), dimension)], several=False)
    if any(_is_number(item) for item in items):
        raise BadQuery(
            "expected a vector, only numbers, or a list of queries, got numbers and other things in one list"
            "; search for each by itself"
        )
    return Queries([_single(item, n, dimension) for n, item in enumerate(items)], several=True)


def _single(item: object, n: int, dimension: int) -> Picture:
    if isinstance(item, list | tuple) and not all(_is_number(number) for number in item):
        raise BadQuery(f"query {n}: expected {_FORMS}, got a list within a list that is no vector; flatten the list")
    try:
        found = as_queries(item, dimension=dimension)
    except (BadQuery, BadVectors) as error:
        raise type(error)(f"query {n}: {error}") from error
    if found.several:
        raise BadQuery(f"query {n}: expected one query, got {len(found.each)} vectors: give them as one array")
    return found.each[0]


def _of_array(array: NDArray[np.generic], dimension: int) -> Queries:
    if array.ndim == 2 and is_grey(array) and array.shape == (1, dimension):
        raise BadQuery(
            f"expected a picture or a vector, got {array.dtype} of shape {array.shape}, which could be either: "
            f"take array[0] for a vector, array[:, :, None] for a picture"
        )
    if array.ndim > 2 or (array.ndim == 2 and is_grey(array)):
        return Queries([array], several=False)
    if array.ndim == 1:
        return Queries([_check_vector(array, dimension)], several=False)
    if array.ndim == 0:
        raise BadQuery(f"expected {_FORMS}, got a single number; put it in a list for a vector")
    if array.shape[1] != dimension:
        raise DimensionMismatch(
            f"expected vectors of shape (N, {dimension}), got {array.dtype} of shape {array.shape}; "
            f"convert a grey picture to uint8, or give it a third axis: array[:, :, None]"
        )
    rows: list[Picture] = [_check_vector(row, dimension) for row in array]
    return Queries(rows, several=len(rows) != 1)


def _check_vector(vector: NDArray[np.generic], dimension: int) -> NDArray[np.generic]:
    if vector.dtype.kind not in "fiub":
        raise BadVectors(
            f"expected a vector of real numbers, got an array of dtype {vector.dtype}"
            "; convert it first: array.astype('float32')"
        )
    if vector.shape != (dimension,):
        raise DimensionMismatch(
            f"expected a vector of {dimension} numbers, got {vector.size}"
            "; embed the picture with the collection's model"
        )
    return vector


def _is_number(item: object) -> bool:
    return isinstance(item, Real) or (isinstance(item, np.generic | np.ndarray) and item.shape == () and _is_real(item))


def _is_real(item: Any) -> bool:
    return bool(item.dtype.kind in "fiub")


def _holds_objects(array: NDArray[np.generic]) -> bool:
    """Texts, or Python objects, as a list in the form of an array."""
    return array.ndim == 1 and array.dtype.kind in "OUT"
