"""How a catalog is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from lookalike.catalog.reads import Reads
from lookalike.catalog.records import MAIN
from lookalike.core.lease import Lease
from lookalike.core.records import FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.stored_projection import StoredProjection
from lookalike.core.vectors import HalfVectors, Keys


class Transaction(Reads, Protocol):
    """Changes that become true together, or not at all, and what they are decided by.

    What is read of it includes what it has written, and is what is written on: where another one has changed what was
    read here before this one commits, the commit raises `Overtaken`, and nothing of it remains. So a block that reads
    and then changes reads through its transaction, never through the catalog. Lists that are read in batches are of
    the transaction, too; nothing may be written while one is being gone through.

    Every call that changes a picture puts it into the change feed. All calls are idempotent.
    """

    def put_images(self, images: Sequence[ImageRecord], vectors: HalfVectors) -> Keys:
        """Add pictures with their vectors, or bring back removed ones.

        An id that is already there keeps its key and its metadata (fields given here are laid over them), and takes the
        other fields, `provisional` among them, and the vector from here.

        Metadata that was kept of a removed picture comes back with it, below all that is there or given, and is kept no
        longer; but not to a provisional record, which may be of another picture: to the one that is put in its place.

        Args:
            images: N records; an id that occurs twice counts once, as its last record says.
            vectors: shape (N, D), float16, of the catalog's model.
        Returns:
            shape (N,), int64, the key of each image. A key is never given to another image, even after removal.
        Raises:
            DimensionMismatch: when the width is not the model's, or there are not N vectors.
            BadVectors: when a value is not finite.
            WrongModel: when the catalog is bound to no model yet.
            BadInput: when an id is not a SHA-256, or metadata is not JSON.
        """
        ...

    def put_files(self, files: Sequence[FileRecord]) -> None:
        """Say in which files pictures lie; a path that is known now holds the new picture.

        A path that was remembered as refused no longer is.

        Raises:
            NotIndexed: when an image is not in the catalog.
        """
        ...

    def put_refused(self, refused: Sequence[RefusedFile]) -> None:
        """Remember files that were refused; a path that had a picture has none any more."""
        ...

    def forget_files(self, paths: Sequence[str]) -> None:
        """Forget files (also refused ones). Their pictures stay; unknown paths are passed over."""
        ...

    @property
    def returned(self) -> frozenset[str]:
        """The ids of pictures to which kept metadata has come back in this transaction."""
        ...

    def remove_images(self, ids: Sequence[str], *, keep: bool = True) -> int:
        """Remove pictures with their files, metadata and vectors; unknown ids are passed over.

        Args:
            ids: of the pictures.
            keep: their metadata, for as many days as the catalog was opened with, so that it comes back with them.
                Without, nothing is added to what is kept of an id already.
        Returns:
            how many were there.
        """
        ...

    def forget_forever(self, ids: Sequence[str]) -> int:
        """Remove pictures, and also what is kept of these ids; nothing of it is left in the file's unused parts.

        Returns:
            how many were there, or had something kept of them.
        """
        ...

    def merge_metadata(self, metadata: Mapping[str, Metadata]) -> int:
        """Lay fields over the metadata of images, by id; a field given as None is deleted; unknown ids are passed over.

        Returns:
            how many images were there.
        """
        ...

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """As `Catalog.add_further_model`, together with the transaction's other changes."""
        ...

    def put_claim(self, image_id: str, claim: str, vector: HalfVectors) -> None:
        """Note the vector that somebody claims of a picture that is not verified; it goes with the picture.

        Args:
            image_id: of the picture.
            claim: whose claim it is, a word of letters and digits.
            vector: shape (1, D), float16.
        """
        ...

    def claims(self, image_id: str) -> dict[str, HalfVectors]:
        """The vectors that are claimed of a picture, by claim, each of shape (1, D), float16."""
        ...

    def drop_claim(self, image_id: str, claim: str) -> None:
        """Forget a claim. One that is not there is no error."""
        ...

    def put_model_vectors(self, name: str, keys: Sequence[int] | Keys, vectors: HalfVectors) -> int:
        """Keep vectors of a further model; keys that are not there (any more) are passed over. No change in the feed.

        Args:
            name: of the further model.
            keys: shape (N,), int64, or as many numbers; where one occurs twice the last counts.
            vectors: shape (N, D), float16, D that model's dimension.
        Returns:
            how many of the pictures were there.
        Raises:
            BadInput: when there is no further model of that name.
            DimensionMismatch, BadVectors: as in `put_images`.
        """
        ...

    def begin_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that kept bytes are about to be deleted, once this is committed; see `lookalike.parts.kept_bytes`.

        Marks whose time is over by `STALE_MARK_S` are dropped. No change in the feed.

        Args:
            ids: of the bytes; their pictures are not there (any more).
            until: Unix time in seconds after which whoever said so deletes nothing any more.
        """
        ...

    def end_deleting(self, ids: Sequence[str], *, until: float) -> None:
        """Say that this is done, or given up. Marks of another `until` are somebody else's, and stay."""
        ...

    def put_devices(self, devices: Mapping[str, str]) -> None:
        """Remember on which devices folders lie, in the place of all that was remembered. No change in the feed.

        Args:
            devices: a word for the device, by absolute path of the folder.
        """
        ...

    def put_out_of_sight(self, folders: Mapping[str, Sequence[str]]) -> None:
        """Remember below which folders files are out of sight, in the place of all that was remembered.

        No change in the feed.

        Args:
            folders: some of the files that are missing below it, by absolute path of the folder.
        """
        ...

    def put_projection(self, new: StoredProjection, *, after: int, model: str = MAIN) -> int:
        """Add a version of a model's projection behind the newest.

        Of the collection's own model it moves the cursor of the change feed, without a change of a picture, so that
        whoever follows the feed looks which version is the newest.

        Args:
            new: what was learnt; its own `version` does not count.
            after: the newest version that the caller knows of, 0 for none.
            model: as in `projection`.
        Returns:
            its number: `after` + 1.
        Raises:
            Conflict: when the newest is no longer `after`: another one has learnt at the same time; take that.
            DimensionMismatch, BadVectors: when it is not of that model's width, or a value is not finite.
            WrongModel: when the catalog is bound to no model yet.
            BadInput: when there is no further model of that name.
        """
        ...

    def take_lease(self, name: str, holder: str, *, lasts_s: int) -> Lease | None:
        """Be the one who may do something, from now on, or for longer. No change in the feed.

        Args:
            name: of what is to be done.
            holder: who asks: a word that no other process has.
            lasts_s: for how long, by the catalog's clock, at least 1.
        Returns:
            the lease; None while another one holds it. Whoever holds it still has the same fence as before.
        Raises:
            BadInput: when a word is empty, or it is to last for less than a second.
        """
        ...

    def end_lease(self, lease: Lease) -> None:
        """Let it go before it ends. Idempotent; nothing is done where another one holds it by now."""
        ...
