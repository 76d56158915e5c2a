"""A finer model that reranks: the best of a search are compared again by its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.catalog.base import Catalog, Transaction
from lookalike.catalog.patience import in_transaction
from lookalike.core.errors import BadInput, ImageRefused, Locked, ReadOnly, StorageFailed, WrongModel
from lookalike.core.saying import ReasonCode
from lookalike.core.vectors import Pixels, unit_of_kept
from lookalike.core.wording import Words, words_of
from lookalike.embedding.base import Embedder
from lookalike.embedding.files import take_in_order
from lookalike.embedding.picture_embedder import PictureEmbedder
from lookalike.further.further_models import Pictures, PictureVector, put_vectors, vectors_of_pictures
from lookalike.further.reranker_projection import RerankerProjection
from lookalike.images.crop import Crop
from lookalike.images.limits import ImageLimits
from lookalike.images.pictures import Picture
from lookalike.index.projection import Projection
from lookalike.models.card import ModelCard
from lookalike.search.reranking import Reranked
from lookalike.storage.cache import BoundedCache
from lookalike.view.waiting import Waiting, untold

DEPTH = 100
MOST_BYTES = 64_000_000

_NOT_THERE = words_of("it is not in the collection any more", ReasonCode.GONE)


def _unusable(refusal: ImageRefused) -> Words:
    return words_of(str(refusal), ReasonCode.UNUSABLE, refusal=refusal.code)


class ModelReranker:
    """See `lookalike.search.reranking.Reranker`.

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
        self._card = embedder.card
        self._seeing = PictureEmbedder(embedder, limits=limits)
        self._threads = threads
        self._may_write = may_write
        self._compute = partial(vectors_of_pictures, embedder=embedder, pictures=pictures, limits=limits)
        self._remembered: BoundedCache[str, NDArray[np.float16]] = BoundedCache(most_bytes=MOST_BYTES)
        self._projection = RerankerProjection(catalog, self.name, folder=folder, waiting=waiting) if projects else None

    def see(self, picture: Picture, *, crop: Crop | None = None) -> Pixels:
        """A query picture as the collection's are seen by the finer model; see `Reranker`.

        Returns:
            shape (H, W, 3), uint8 RGB, C-contiguous, upright.
        """
        return self._seeing.pixels(picture, crop=crop)

    def rerank(self, query: Pixels, ids: Sequence[str]) -> list[Reranked]:
        """Compare a query picture with some of the collection's; see `Reranker`.

        Args:
            query: shape (H, W, 3), uint8, as `see` gives it: then a picture has cosine 1 to itself but for rounding.
            ids: of pictures.
        Returns:
            one for each id: the cosine of the finer model's vectors, after their projection where there is one; None
            where a picture is gone or cannot be used.
        """
        unit = self._seeing.embed([query])[0]
        keys = self._catalog.keys(ids)
        vectors = self._read_kept(keys)
        lacking = [image_id for image_id in dict.fromkeys(ids) if image_id in keys and image_id not in vectors]
        computed = list(take_in_order(lacking, self._compute, threads=self._threads)) if lacking else []
        self._keep(computed)
        vectors.update({one.image_id: one.vector for one in computed if one.vector is not None})
        reasons = {one.image_id: _unusable(one.refusal) for one in computed if one.refusal is not None}
        similarities = _cosines(vectors, unit, self._projection.get() if self._projection is not None else None)
        return [
            Reranked(
                similarities[image_id], words_of(f"compared by {self.name}", ReasonCode.COMPARED_BY, model=self.name)
            )
            if image_id in similarities
            else Reranked(None, reasons.get(image_id, _NOT_THERE))
            for image_id in ids
        ]

    def _read_kept(self, keys: Mapping[str, int]) -> dict[str, NDArray[np.float16]]:
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
            try:
                in_transaction(self._catalog, partial(_put, self.name, self._card, vectors), wait=False)
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


def _put(name: str, card: ModelCard, vectors: Mapping[str, NDArray[np.float16]], transaction: Transaction) -> None:
    transaction.add_further_model(name, card.id, card.dimension)
    put_vectors(transaction, name, vectors)


def _name_there(catalog: Catalog, name: str, model_id: str) -> str:
    """The name under which the catalog has the model, or would have it."""
    if model_id == catalog.model_id:
        raise BadInput(
            f"expected another model to rerank with, but {name} is the collection's own model; take fine, or "
            "the file of another"
        )
    there = catalog.further_models()
    for one in there:
        if one.model_id == model_id:
            return one.name
        if one.name == name:
            raise WrongModel(
                f"expected the model {model_id[:12]} under the name {name!r}, but that is {one.model_id[:12]} in "
                "this collection; rename the file to another name"
            )
    return name


def _cosines(
    vectors: Mapping[str, NDArray[np.float16]], query: NDArray[np.float32], projection: Projection | None
) -> dict[str, float]:
    if not vectors:
        return {}
    units, asked = unit_of_kept(np.stack(list(vectors.values()))), query[None, :]
    if projection is not None:
        units, asked = projection.apply(units), projection.apply(asked)
    cosines = np.einsum("nd,d->n", units.astype(np.float64), asked[0].astype(np.float64))
    return dict(zip(vectors, cosines.tolist(), strict=True))
