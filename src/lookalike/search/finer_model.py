"""A finer model as second opinion: the best of a search are compared again by its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import Catalog
from lookalike.core.errors import BadInput, ImageRefused, Locked, ReadOnly, StorageFailed, WrongModel
from lookalike.core.saying import ReasonCode
from lookalike.core.vectors import Pixels, normalise
from lookalike.core.wording import Words, said
from lookalike.embedding.base import Embedder
from lookalike.embedding.files import taken
from lookalike.further.finer_projection import FinerProjection
from lookalike.further.further_models import Pictures, PictureVector, put_vectors, vectors_of_pictures
from lookalike.images.limits import ImageLimits
from lookalike.index.projection import Projection
from lookalike.search.second_opinion import Opinion
from lookalike.storage.cache import BoundedCache
from lookalike.view.waiting import Waiting, untold

DEPTH = 100
MOST_BYTES = 64_000_000

_NOT_THERE = said("it is not in the collection any more", ReasonCode.GONE)


def _unusable(refusal: ImageRefused) -> Words:
    return said(str(refusal), ReasonCode.UNUSABLE, refusal=refusal.code)


class FinerModel:
    """See `lookalike.search.second_opinion.SecondOpinion`.

    A picture's vector is computed once: it is kept in the catalog, as one of a further model, where that may be
    written, and in memory (64 MB, the least recently used going first) where not, or where another process is writing
    just then. Computing takes as long as taking the picture in; `embed_further` does it for all beforehand.

    Args:
        catalog: the collection's; one that has this model's vectors under another name is asked by that name.
        name: under which the vectors are kept.
        embedder: of the finer model.
        pictures: brings the bytes of pictures by their ids.
        limits: what a picture may cost.
        threads: that read, decode and embed at once.
        may_write: whether to keep vectors in the catalog.
        depth: how many of the best are looked at.
        projects: compare after a projection, once most pictures have a vector from which it can be learnt.
        folder: where its projection is kept; None keeps that in memory alone.
        waiting: told when it is learnt.
    Raises:
        BadInput: when it is the collection's own model.
        WrongModel: when the name belongs to another model there.
    """

    unknown = float("-inf")

    def __init__(
        self,
        catalog: Catalog,
        name: str,
        embedder: Embedder,
        *,
        pictures: Pictures,
        limits: ImageLimits,
        threads: int,
        may_write: bool,
        depth: int = DEPTH,
        projects: bool = True,
        folder: Path | None = None,
        waiting: Waiting = untold,
    ) -> None:
        self.name = _name_there(catalog, name, embedder.card.id)
        self.depth = depth
        self._catalog = catalog
        self._embedder = embedder
        self._threads = threads
        self._may_write = may_write
        self._compute = partial(vectors_of_pictures, embedder=embedder, pictures=pictures, limits=limits)
        self._remembered: BoundedCache[str, NDArray[np.float16]] = BoundedCache(most_bytes=MOST_BYTES)
        self._projection = (
            FinerProjection(catalog, self.name, folder=folder, may_write=may_write, waiting=waiting)
            if projects
            else None
        )

    def opinions(self, query: Pixels, ids: Sequence[str]) -> list[Opinion]:
        """Compare a query picture with some of the collection's; see `SecondOpinion`.

        Args:
            query: shape (H, W, 3), uint8, not smaller than the finer model's `input_side` where there are such pixels.
            ids: of pictures.
        Returns:
            one for each id: the cosine of the finer model's vectors, after their projection where there is one; None
            where a picture is gone or cannot be used.
        """
        unit = self._embedder.embed([query])[0]
        keys = self._catalog.keys(ids)
        vectors = self._kept(keys)
        lacking = [image_id for image_id in dict.fromkeys(ids) if image_id in keys and image_id not in vectors]
        computed = list(taken(lacking, self._compute, threads=self._threads)) if lacking else []
        self._keep(computed)
        vectors.update({one.image_id: one.vector for one in computed if one.vector is not None})
        reasons = {one.image_id: _unusable(one.refusal) for one in computed if one.refusal is not None}
        similarities = _cosines(vectors, unit, self._projection.get() if self._projection is not None else None)
        return [
            Opinion(similarities[image_id], said(f"compared by {self.name}", ReasonCode.COMPARED_BY, model=self.name))
            if image_id in similarities
            else Opinion(None, reasons.get(image_id, _NOT_THERE))
            for image_id in ids
        ]

    def _kept(self, keys: Mapping[str, int]) -> dict[str, NDArray[np.float16]]:
        """Vectors that were computed before, by id."""
        found = {one: vector for one in keys if (vector := self._remembered.get(one)) is not None}
        if any(one.name == self.name for one in self._catalog.further_models()):
            ids = {key: image_id for image_id, key in keys.items()}
            stored = self._catalog.model_vectors(self.name, list(ids))
            found |= {ids[key]: row for key, row in zip(stored.keys.tolist(), stored.vectors, strict=True)}
        return found

    def _keep(self, computed: Sequence[PictureVector]) -> None:
        """In the catalog where it can be written now, else in memory: a search waits for no other process."""
        vectors = {one.image_id: one.vector for one in computed if one.vector is not None}
        if not vectors:
            return
        if self._may_write:
            card = self._embedder.card
            try:
                with self._catalog.transaction(wait=False) as transaction:
                    transaction.add_further_model(self.name, card.id, card.dimension)
                    put_vectors(transaction, self._catalog, self.name, vectors)
            except Locked:  # for once
                pass
            except (ReadOnly, StorageFailed, BadInput, WrongModel):  # also a name that can be none in the catalog
                self._may_write = False
            else:
                return
        for one in computed:
            if one.vector is not None:
                vector = one.vector.copy()  # a row of an array that would stay whole
                self._remembered.put(one.image_id, vector, size_bytes=vector.nbytes)


def _name_there(catalog: Catalog, name: str, model_id: str) -> str:
    """The name under which the catalog has the model, or would have it."""
    if model_id == catalog.model_id:
        raise BadInput(f"{name}: that is the collection's own model, which has no second opinion of its own answers")
    there = catalog.further_models()
    for one in there:
        if one.model_id == model_id:
            return one.name
        if one.name == name:
            raise WrongModel(
                f"{name!r} is model {one.model_id[:12]} in this collection, not {model_id[:12]}: choose another name"
            )
    return name


def _cosines(
    vectors: Mapping[str, NDArray[np.float16]], query: NDArray[np.float32], projection: Projection | None
) -> dict[str, float]:
    if not vectors:
        return {}
    units, asked = normalise(np.stack(list(vectors.values())).astype(np.float32)), query[None, :]
    if projection is not None:
        units, asked = projection.apply(units), projection.apply(asked)
    cosines = np.einsum("nd,d->n", units.astype(np.float64), asked[0].astype(np.float64))
    return dict(zip(vectors, cosines.tolist(), strict=True))
