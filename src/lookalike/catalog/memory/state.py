"""What a catalog in memory consists of at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from lookalike.catalog.base import MAIN, FurtherModel
from lookalike.catalog.storable import no_such_model
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors


class Picture(NamedTuple):
    """A picture that is there.

    Attributes:
        image: its facts and metadata.
        vector: shape (D,), float16, of the collection's own model.
    """

    image: ImageRecord
    vector: HalfVectors


class Changed(NamedTuple):
    """The numbers of a picture's last change, and of the last one which concerned its vector."""

    seq: int
    vector_seq: int
    removed: bool


class Forgotten(NamedTuple):
    """The metadata of a picture that was removed, and when, in seconds since 1970."""

    metadata: Metadata
    removed_at: int


@dataclass(frozen=True, slots=True)
class State:
    """All that there is at one moment; a transaction changes a copy.

    Attributes:
        last_seq: the number of the newest change.
        version: how many commits there were.
        keys: by id, also of removed pictures.
        changed: by key.
        pictures: by id.
        files: by path.
        refused: by path.
        forgotten: by id.
        claims: by id of a picture, by claim: shape (D,), float16.
        further: by name, id and dimension of a further model.
        further_vectors: by its name, by key: shape (D,), float16, D that model's dimension.
        deleting: by id of kept bytes, until when.
        devices: by folder.
        out_of_sight: by folder.
        projections: by name of the model, oldest first.
        leases: by name.
    """

    last_seq: int = 0
    version: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    changed: dict[int, Changed] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    files: dict[str, FileRecord] = field(default_factory=dict)
    refused: dict[str, RefusedFile] = field(default_factory=dict)
    forgotten: dict[str, Forgotten] = field(default_factory=dict)
    claims: dict[str, dict[str, HalfVectors]] = field(default_factory=dict)
    further: dict[str, tuple[str, int]] = field(default_factory=dict)
    further_vectors: dict[str, dict[int, HalfVectors]] = field(default_factory=dict)
    deleting: dict[str, float] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    out_of_sight: dict[str, list[str]] = field(default_factory=dict)
    projections: dict[str, list[StoredProjection]] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)

    def copy(self) -> State:
        """Another one with the same in it: a change of either is none of the other."""
        return replace(
            self,
            version=self.version + 1,
            keys=dict(self.keys),
            changed=dict(self.changed),
            pictures=dict(self.pictures),
            files=dict(self.files),
            refused=dict(self.refused),
            forgotten=dict(self.forgotten),
            claims={image_id: dict(claims) for image_id, claims in self.claims.items()},
            further=dict(self.further),
            further_vectors={name: dict(vectors) for name, vectors in self.further_vectors.items()},
            deleting=dict(self.deleting),
            devices=dict(self.devices),
            out_of_sight=dict(self.out_of_sight),
            projections={name: list(versions) for name, versions in self.projections.items()},
            leases=dict(self.leases),
        )

    def further_models(self) -> list[FurtherModel]:
        """Sorted by name."""
        return [
            FurtherModel(name, *self.further[name], len(self.further_vectors[name])) for name in sorted(self.further)
        ]

    def vectors_of_model(self, name: str) -> dict[int, HalfVectors]:
        """The vectors of a further model.

        Returns:
            by key: shape (D,), float16; the dictionary of the state itself.
        Raises:
            BadInput: when there is none of that name.
        """
        if name not in self.further:
            raise no_such_model(name, self.further_models())
        return self.further_vectors[name]

    def projections_of(self, name: str) -> list[StoredProjection]:
        """The projections of a model, oldest first. Raises as `vectors_of_model`."""
        if name != MAIN:
            self.vectors_of_model(name)
        return self.projections.get(name, [])

    def sort(self) -> list[tuple[int, Picture]]:
        """The pictures with their keys, in ascending order of key."""
        return sorted(
            ((self.keys[image_id], picture) for image_id, picture in self.pictures.items()), key=lambda item: item[0]
        )

    def paths_of(self) -> dict[str, list[FileRecord]]:
        """By id, the files sorted by path."""
        files: dict[str, list[FileRecord]] = {image_id: [] for image_id in self.pictures}
        for path in sorted(self.files):
            files[self.files[path].image_id].append(self.files[path])
        return files
