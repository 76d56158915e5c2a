"""Every flow that writes to a catalog, each with what it gives back, so that two ways of going through it compare."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.catalog.base import Catalog
from lookalike.core.filters import Filter
from lookalike.core.records import FileRecord
from lookalike.doctor.orphans import sweep_objects
from lookalike.embedding.fake import FakeEmbedder
from lookalike.further.further_models import PictureVector, keep_vectors
from lookalike.ingest.add import add_bytes, add_file
from lookalike.ingest.ingest import IngestOptions, ingest
from lookalike.ingest.ingest_report import IngestReport
from lookalike.ingest.metadata import apply_metadata, read_metadata
from lookalike.ingest.remove import remove_pictures
from lookalike.parts.parts import Parts
from lookalike.transfer.exporting import export_collection
from lookalike.transfer.importing import import_collection
from lookalike.uploads.direct_upload import add_provisional, check_upload
from lookalike.uploads.verify_upload import Tolerance, UploadedPicture, verify_upload
from tests.collections import D, album, png, write, write_bytes

Scenario = Callable[[Parts, Path], Any]


def filled(parts: Parts, folder: Path) -> None:
    """Files, one of them refused, and pictures whose bytes are kept, one of which lies in a file, too."""
    album(folder, 5)
    write_bytes(folder / "broken.png", png(1)[:50])
    add_bytes(png(20), parts, metadata={"kept": True})
    add_bytes(png(0), parts, metadata={})
    _index(parts, folder)


def _index(parts: Parts, folder: Path, **options: Any) -> Any:
    labels = {str(folder / f"{n}.png"): {"n": n} for n in range(10)}
    acknowledged: list[FileRecord] = []
    report = ingest(
        [folder],
        parts,
        options=IngestOptions(**options),
        metadata=labels,
        acknowledge=acknowledged.extend,
    )
    return _said(report), sorted(file.path for file in acknowledged)


def _said(report: IngestReport) -> dict[str, Any]:
    said = dataclasses.asdict(report)
    del said["seconds"]
    return said


def indexed_anew(parts: Parts, folder: Path) -> Any:
    """Pictures that are new, renamed, copied, replaced, broken, and one that takes another's name."""
    write(folder / "new.png", 30)
    os.rename(folder / "1.png", folder / "renamed.png")
    write_bytes(folder / "copy.png", png(2))
    write(folder / "3.png", 2)  # the only file of picture 3
    write(folder / "0.png", 31)  # picture 0 is kept as bytes, too
    write_bytes(folder / "4.png", png(4)[:40])
    return _index(parts, folder)


def pruned(parts: Parts, folder: Path) -> Any:
    """Files that are gone: of pictures whose bytes are kept, of others, and a refused one."""
    for name in ("0.png", "1.png", "broken.png"):
        (folder / name).unlink()
    return _index(parts, folder, prune=True)


def added_as_a_file(parts: Parts, folder: Path) -> Any:
    return add_file(write(folder / "single.png", 40), parts, metadata={"label": "single"})


def added_as_bytes(parts: Parts, folder: Path) -> Any:
    return [add_bytes(png(seed), parts, metadata={"seed": seed}) for seed in (20, 41, 41, 2)]


def labelled(parts: Parts, folder: Path) -> Any:
    table = write_bytes(folder / "table.csv", b"path,label\n0.png,first\n2.png,second\nnone.png,third\n")
    return dataclasses.asdict(apply_metadata(parts.catalog, read_metadata(table)))


def removed_by_name(parts: Parts, folder: Path) -> Any:
    nothing = Filter.everything()
    named = [str(folder / "0.png"), str(folder / "2.png")]
    return remove_pictures(parts.catalog, parts.objects, named=named, where=nothing, forever=False)


def removed_by_filter(parts: Parts, folder: Path) -> Any:
    where = Filter.from_json({"or": [{"n": {"gt": 1}}, {"kept": {"eq": True}}]})
    return remove_pictures(parts.catalog, parts.objects, named=(), where=where, forever=True)


def uploaded(parts: Parts, folder: Path) -> Any:
    """Brought with a good vector, with a bad one, with none; and one that cannot be used."""
    outcomes = []
    apart: list[bytes] = []
    for seed, vector in ((50, "good"), (51, "bad"), (52, None), (0, "bad"), (20, None)):
        data = png(seed)
        ours = FakeEmbedder(dimension=D).embed([_pixels(data, parts)])[0]
        claimed = {"good": ours, "bad": np.roll(ours, 1) * -1, None: None}[vector]
        checked = check_upload(
            data, parts, size_bytes=len(data), sha256=_id(data), vector=claimed, model=parts.embedder.card.id
        )
        if claimed is not None:
            add_provisional(checked, parts, metadata={"seed": seed})
        picture = UploadedPicture(
            id=checked.record.id,
            claimed=claimed is not None,
            adding=None if claimed is not None else {"seed": seed},
            staged=lambda data=data: data,  # type: ignore[misc]
            quarantine=apart.append,
        )
        outcomes.append(verify_upload(picture, parts, tolerance=Tolerance()))
    return outcomes, sorted(set(apart))


def imported(parts: Parts, folder: Path) -> Any:
    exported = folder.parent / "export.jsonl"
    export_collection(parts.catalog, exported)
    remove_pictures(
        parts.catalog, parts.objects, named=[str(folder / "2.png")], where=Filter.everything(), forever=False
    )
    return dataclasses.asdict(import_collection(parts.catalog, exported))


def given_further_vectors(parts: Parts, folder: Path) -> Any:
    file = parts.catalog.file(str(folder / "0.png"))
    assert file is not None
    parts.catalog.add_further_model("other", "o" * 64, 3)
    vectors = np.ones((2, 3), np.float16)
    computed = [PictureVector(file.image_id, vectors[0], None), PictureVector("f" * 64, vectors[1], None)]
    keep_vectors(parts.catalog, "other", "o" * 64, computed)
    return [one.count for one in parts.catalog.further_models()]


def swept(parts: Parts, folder: Path) -> Any:
    parts.objects.put(png(60))
    return [one.name for one in sweep_objects(parts.catalog, parts.objects, before=2**40)]


SCENARIOS: list[Scenario] = [
    indexed_anew,
    pruned,
    added_as_a_file,
    added_as_bytes,
    labelled,
    removed_by_name,
    removed_by_filter,
    uploaded,
    imported,
    given_further_vectors,
    swept,
]


def content(catalog: Catalog, parts: Parts) -> dict[str, Any]:
    """All that can be seen of a collection, but for numbers and words that differ from run to run."""
    images = {image.id: image for batch in catalog.all_images() for _, image in batch}
    keys = catalog.keys(list(images))
    stored = catalog.vectors(list(keys.values()))
    by_key = dict(zip(stored.keys.tolist(), stored.vectors.tolist(), strict=True))
    return {
        "images": images,
        "vectors": {image_id: by_key[key] for image_id, key in keys.items()},
        "files": sorted((file.path, file.image_id) for file in catalog.files()),
        "refused": sorted(one.path for one in catalog.refused()),
        "further": catalog.further_models(),
        "marks": catalog.deleting([*images, *parts.objects.ids()]),
        "bytes": sorted(parts.objects.ids()),
        "damage": catalog.check(),
        "forgotten": catalog.facts().forgotten,
    }


def _id(data: bytes) -> str:
    from lookalike.images.files import content_id

    return content_id(data)


def _pixels(data: bytes, parts: Parts) -> Any:
    from lookalike.images.decode import decode

    return decode(data, min_side=parts.embedder.card.input_side).pixels
