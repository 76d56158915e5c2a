"""Hits: what the catalog knows of the pictures that were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lookalike.catalog.base import KeptPicture
from lookalike.core.filters import Filter
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Hit
from lookalike.search.reranking import Reranked
from lookalike.view.candidates import Candidate
from lookalike.view.confidence import Pairs

_NONE = Reranked(None, "")


def hits_of(
    candidates: Sequence[Candidate],
    reranked: Sequence[Reranked],
    parts: Parts,
    where: Filter,
    *,
    pairs: Pairs | None = None,
    pictures: Mapping[int, KeptPicture] | None = None,
) -> list[Hit]:
    """The pictures found that are still there, ranked from 1.

    Args:
        candidates: in the order in which they are to stand.
        reranked: of the candidates, in their order; empty where there was no reranking.
        parts: the collection.
        where: what a picture had to be; of its files one that passes is shown.
        pairs: random ones of the collection, for the confidence of hits; None where that is not known.
        pictures: what the catalog knows of them, by key; None to ask it.
    """
    if pictures is None:
        pictures = parts.catalog.pictures([one.key for one in candidates])
    others = [key for one in candidates for key in one.others]
    ids = parts.catalog.ids(others) if others else {}
    shown = [pictures[one.key].image.id for one in candidates if one.key in pictures]
    fitting = parts.catalog.matching_paths(where, shown) if where else {}
    confidences = pairs.confidences([one.similarity for one in candidates]) if pairs is not None else None
    hits: list[Hit] = []
    for n, one in enumerate(candidates):
        picture = pictures.get(one.key)
        if picture is not None:
            reranked_hit = reranked[n] if n < len(reranked) else _NONE
            hits.append(
                _hit(
                    picture,
                    rank=len(hits) + 1,
                    similarity=one.similarity,
                    path=fitting.get(picture.image.id),
                    confidence=confidences[n] if confidences is not None else None,
                    group=tuple(ids[key] for key in one.others if key in ids),
                    reranked=reranked_hit,
                )
            )
    return hits


def _hit(
    picture: KeptPicture,
    *,
    rank: int,
    similarity: float,
    path: str | None,
    confidence: float | None,
    group: tuple[str, ...],
    reranked: Reranked,
) -> Hit:
    image, files = picture
    return Hit(
        id=image.id,
        rank=rank,
        similarity=similarity,
        path=path or (files[0].path if files else None),
        copies=max(0, len(files) - 1),
        metadata=image.metadata,
        width=image.width,
        height=image.height,
        format=image.format,
        size_bytes=image.size_bytes,
        taken_at=image.taken_at,
        camera=image.camera,
        group=group,
        rerank_similarity=reranked.similarity,
        reason=reranked.reason,
        provisional=image.provisional,
        confidence=confidence,
    )
