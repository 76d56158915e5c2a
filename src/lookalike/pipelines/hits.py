"""Hits: what the catalog knows of the pictures that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord, ImageRecord
from lookalike.pipelines.candidates import Candidate
from lookalike.pipelines.confidence import Pairs
from lookalike.pipelines.parts import Parts
from lookalike.pipelines.reply import Hit
from lookalike.pipelines.second_opinion import Opinion


def hits_of(
    candidates: Sequence[Candidate],
    opinions: Sequence[Opinion],
    parts: Parts,
    where: Filter,
    *,
    pairs: Pairs | None = None,
) -> list[Hit]:
    """The pictures found that are still there, ranked from 1.

    Args:
        candidates: in the order in which they are to stand.
        opinions: of the candidates, in their order; empty where there was no second opinion.
        parts: the collection.
        where: what a picture had to be; of its files one that passes is shown.
        pairs: random ones of the collection, for the confidence of hits; None where that is not known.
    """
    keys = [key for one in candidates for key in (one.key, *one.others)]
    ids = parts.catalog.ids(keys)
    shown = [ids[one.key] for one in candidates if one.key in ids]
    images = parts.catalog.images(shown)
    files = parts.catalog.files_of(list(images))
    fitting = parts.catalog.matching_paths(where, list(images)) if where else {}
    confidences = pairs.confidences([one.similarity for one in candidates]) if pairs is not None else None
    hits: list[Hit] = []
    for n, one in enumerate(candidates):
        image = images.get(ids.get(one.key, ""))
        if image is not None:
            hit = _hit(
                image,
                files.get(image.id, []),
                rank=len(hits) + 1,
                similarity=one.similarity,
                path=fitting.get(image.id),
                confidence=confidences[n] if confidences is not None else None,
            )
            group = tuple(ids[key] for key in one.others if key in ids)
            opinion = opinions[n] if n < len(opinions) else None
            hits.append(
                replace(hit, group=group)
                if opinion is None
                else replace(hit, group=group, opinion=opinion.similarity, reason=opinion.reason)
            )
    return hits


def _hit(
    image: ImageRecord,
    files: list[FileRecord],
    *,
    rank: int,
    similarity: float,
    path: str | None,
    confidence: float | None,
) -> Hit:
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
        provisional=image.provisional,
        confidence=confidence,
    )
