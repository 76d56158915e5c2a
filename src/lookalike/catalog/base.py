"""The promise of a catalog: the truth about a collection.

A catalog holds the pictures, the files in which they lie, the users' metadata and the raw vectors (float16), each
change stamped with a growing sequence number. What `Transaction` has committed survives the death of the process and of
the machine. An index is only ever a view of it.

Every picture has a vector of the collection's own model. Beside these, a catalog keeps vectors of further models, each
under a name of the user's choice; a picture may lack such a vector. They are no part of the change feed: they follow
from the picture's bytes, so they never change while the picture is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from lookalike.core.filters import Filter
from lookalike.core.records import Change, FileRecord, ImageRecord, Metadata, RefusedFile
from lookalike.core.vectors import HalfVectors, Keys

MAIN: Final = "main"
"""How the collection's own model is called where models are named; no further model may have this name."""

DAY_S: Final = 86_400

MOST_FIELDS: Final = 1_000
"""Names of metadata fields that a catalog lists at most."""


@dataclass(frozen=True, slots=True)
class CatalogFacts:
    """Figures about a catalog at one moment.

    Attributes:
        images: pictures in the collection.
        files: files that hold them.
        refused: files that were refused and are remembered.
        forgotten: removed pictures of which metadata is kept.
        last_seq: sequence number of the newest change, 0 in a new catalog.
        size_bytes: on disk, 0 in memory.
        engine: `sqlite`, `memory`.
    """

    images: int
    files: int
    refused: int
    forgotten: int
    last_seq: int
    size_bytes: int
    engine: str


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Raw vectors as the catalog keeps them.

    Attributes:
        keys: shape (N,), int64, ascending.
        vectors: shape (N, D), float16, row n belongs to `keys[n]`.
    """

    keys: Keys
    vectors: HalfVectors


class KeptPicture(NamedTuple):
    """A picture and where it lies.

    Attributes:
        image: its facts and metadata.
        files: sorted by path, perhaps none.
    """

    image: ImageRecord
    files: Sequence[FileRecord]


@dataclass(frozen=True, slots=True)
class FurtherModel:
    """A model of which a catalog keeps vectors beside those of its own.

    Attributes:
        name: the user's word for it.
        model_id: SHA-256 of its file.
        dimension: D of its vectors.
        count: how many pictures have one.
    """

    name: str
    model_id: str
    dimension: int
    count: int


class Transaction(Protocol):
    """Changes that become true together, or not at all.

    Every call that changes an image gives it a new sequence number. All calls are idempotent.
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
        """Remember files that were refused; a path that held a picture holds none any more."""
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
        """Keep vectors of a further model; keys that are not there (any more) are passed over. No sequence number.

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

    def put_devices(self, devices: Mapping[str, str]) -> None:
        """Remember on which devices folders lie, in the place of all that was remembered. No sequence number.

        Args:
            devices: a word for the device, by absolute path of the folder.
        """
        ...

    def put_out_of_sight(self, folders: Mapping[str, Sequence[str]]) -> None:
        """Remember below which folders files are out of sight, in the place of all that was remembered.

        No sequence number.

        Args:
            folders: some of the files that are missing below it, by absolute path of the folder.
        """
        ...


class Catalog(Protocol):
    """All reads see one committed state per call, also while a transaction is open; those that iterate, one per batch.

    So whoever reads in batches and must miss nothing notes `last_seq()` before, and follows `changes` after.
    Safe to use from many threads.
    """

    @property
    def model_id(self) -> str:
        """The model whose vectors are held; '' until `claim_model`."""
        ...

    @property
    def dimension(self) -> int:
        """D of that model; 0 until `claim_model`."""
        ...

    def claim_model(self, model_id: str, dimension: int) -> None:
        """Bind an empty catalog to a model; on a bound one, check.

        Raises:
            WrongModel: when the catalog is bound to another model.
            ReadOnly, Locked, StorageFailed: as in `transaction`, when it has to be bound.
        """
        ...

    def transaction(self, *, wait: bool = True) -> AbstractContextManager[Transaction]:
        """Begin changes: committed durably when the block ends, undone when it raises.

        No other transaction, of any thread or process, commits during the block: what is read there from the catalog
        is what is changed. Between two blocks others may have written, so what was read before has to be looked at
        again. Read first, then change, and not without end: changes that no longer fit into memory (256 MB) keep all
        readers out, this thread's own, too. Transactions do not nest.

        Args:
            wait: for another process or thread that is writing, for a short while; else give up at once.
        Raises:
            ReadOnly: when the catalog was opened for reading, or the disk does not take writes.
            Locked: when another one is writing and does not stop within that while; nothing of the block remains, if
                it was begun at all.
            DeadlineExceeded: when the work was to end before its turn came; see `lookalike.core.ending`.
            StorageFailed: when the disk is full or fails; nothing of the block remains then.
        """
        ...

    def facts(self) -> CatalogFacts:
        """How much is there. Cheap however much that is: the counts are kept, not counted."""
        ...

    def last_seq(self) -> int:
        """Sequence number of the newest change, 0 in a new catalog. Cheap: one row is read."""
        ...

    def version(self) -> int:
        """A number that grows with every commit that changes anything: also files, refusals, vectors of further models.

        So what was computed from the catalog's contents may be used again as long as this is the same; `last_seq` does
        not tell when a file was forgotten. Cheap: one row is read.
        """
        ...

    def images(self, ids: Sequence[str]) -> dict[str, ImageRecord]:
        """Look pictures up by id; ids that are not there are left out."""
        ...

    def ids(self, keys: Sequence[int]) -> dict[int, str]:
        """Look the ids of keys up; keys that are not there (any more) are left out."""
        ...

    def keys(self, ids: Sequence[str]) -> dict[str, int]:
        """Look the keys of ids up; ids that are not there are left out."""
        ...

    def find_ids(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` (lower-case hexadecimal), sorted, at most `limit`."""
        ...

    def find_forgotten(self, prefix: str, *, limit: int = 2) -> list[str]:
        """Ids that begin with `prefix` and of which metadata is kept, sorted, at most `limit`."""
        ...

    def metadata_fields(self) -> list[str]:
        """The names of the metadata fields that pictures have, as filters know them, sorted; at most `MOST_FIELDS`.

        A field that is null wherever it is counts as none. Cheap: it takes as long as there are names.
        """
        ...

    def files_of(self, ids: Sequence[str]) -> dict[str, list[FileRecord]]:
        """The files of pictures, sorted by path, perhaps none; unknown ids are left out."""
        ...

    def pictures(self, keys: Sequence[int]) -> dict[int, KeptPicture]:
        """Look pictures up by key, with their files; keys that are not there (any more) are left out.

        What `ids`, `images` and `files_of` say together, of one moment and at one go.
        """
        ...

    def files(self) -> Iterator[FileRecord]:
        """All files, in no order. Cheap: 10,000 in well under 0.1 s."""
        ...

    def file(self, path: str) -> FileRecord | None:
        """The file at that path, if it is known."""
        ...

    def files_at(self, paths: Sequence[str]) -> dict[str, FileRecord]:
        """The files at these paths, by path; those that are not known are left out."""
        ...

    def refused_at(self, paths: Sequence[str]) -> dict[str, RefusedFile]:
        """The remembered refusals of these paths, by path; other paths are left out."""
        ...

    def refused(self) -> Iterator[RefusedFile]:
        """All remembered refusals, in no order."""
        ...

    def devices(self) -> dict[str, str]:
        """On which devices folders lie, by path, as `Transaction.put_devices` was told last."""
        ...

    def out_of_sight(self) -> dict[str, list[str]]:
        """Below which folders files are out of sight, and some of them, as `Transaction.put_out_of_sight` was told."""
        ...

    def known_ids(self) -> set[str]:
        """The ids of all pictures."""
        ...

    def vectors(self, keys: Sequence[int] | Keys) -> StoredVectors:
        """Raw vectors by key, in ascending order of key; keys that are not there are left out.

        Args:
            keys: shape (M,), int64, or as many numbers, in any order.
        """
        ...

    def all_vectors(self, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All raw vectors, in ascending order of key, in batches of at most `batch`."""
        ...

    def all_images(self, *, batch: int = 4096) -> Iterator[list[tuple[int, ImageRecord]]]:
        """All pictures with their keys, in ascending order of key, in batches."""
        ...

    def changes(self, since: int) -> list[Change]:
        """What has changed after sequence number `since`, oldest first, each image once (its last change).

        A change that is committed later never has a smaller number than one that was already returned.
        """
        ...

    def identity(self) -> str:
        """A random word for this collection, which no other one has that is ever made; '' until something is written.

        A copy has it, too, and goes on having it: `lineage` tells histories of the same collection apart.
        """
        ...

    def lineage(self, seq: int) -> str:
        """A random word for the history up to sequence number `seq`; '' for 0.

        Two catalogs give the same word only where all changes up to there are the same ones. So whoever has followed
        the changes can tell, by the word noted then, whether the catalog was made anew since, or put back from an older
        copy and changed in another way.
        """
        ...

    def select(self, where: Filter) -> Keys:
        """Keys of the pictures that pass a filter: shape (M,), int64, ascending.

        A picture passes when one of its files, taken alone, passes; a picture without a file is taken as `path=None`.
        It is what `Filter.matches` says, in every engine. The array is read-only: it may be given again to whoever asks
        the same before anything has changed.
        """
        ...

    def matching_paths(self, where: Filter, ids: Sequence[str]) -> dict[str, str]:
        """For pictures that pass a filter, the first path (sorted) that does; those without a file are left out."""
        ...

    def further_models(self) -> list[FurtherModel]:
        """The further models, sorted by name."""
        ...

    def add_further_model(self, name: str, model_id: str, dimension: int) -> None:
        """Say that vectors of a further model are to be kept under that name. Idempotent.

        Args:
            name: at most 64 letters, digits, `.`, `-` and `_`, beginning with a letter; not `main`.
            model_id: SHA-256 of its file.
            dimension: D of its vectors, at least 1.
        Raises:
            BadInput: when it can be no name, or the model is here already, under another name or as the catalog's own.
            WrongModel: when the name belongs to another model.
            ReadOnly, Locked, StorageFailed: as in `transaction`.
        """
        ...

    def drop_further_model(self, name: str) -> None:
        """Forget a further model and all its vectors. Their room on disk is used again for what comes, not given back.

        Raises:
            BadInput: when there is no further model of that name.
            ReadOnly, Locked, StorageFailed: as in `transaction`.
        """
        ...

    def model_vectors(self, name: str, keys: Sequence[int] | Keys) -> StoredVectors:
        """Vectors of a further model by key, ascending; pictures that lack one are left out.

        Args:
            name: of the further model.
            keys: shape (M,), int64, or as many numbers, in any order.
        Raises:
            BadInput: when there is no further model of that name; so do the next two.
        """
        ...

    def all_model_vectors(self, name: str, *, batch: int = 4096) -> Iterator[StoredVectors]:
        """All vectors of a further model, in ascending order of key, in batches of at most `batch`."""
        ...

    def keys_without_vector(self, name: str, limit: int, *, after: int = 0) -> Keys:
        """Keys larger than `after` of pictures that lack a vector of a further model: shape (M,), int64, ascending.

        M is at most `limit`.
        """
        ...

    def check(self) -> list[str]:
        """Look for damage. Reads everything, so it takes as long as that.

        Returns:
            what does not hold, one line each; empty where all is well.
        Raises:
            Locked, StorageFailed: when it cannot be read at all.
        """
        ...

    @property
    def is_unchanged(self) -> bool:
        """Whether it is still the file that was read last, with the same size and time of writing. At once.

        Who writes twice within one tick of the disk's clock is not noticed the second time.
        """
        ...

    def is_current(self) -> bool:
        """Whether it is still the catalog that was opened, and not another in its place, or an older state of it.

        Where it is not, everything else raises `CollectionReplaced`, or `NoCollection` where there is none.
        """
        ...

    def let_go(self) -> None:
        """Keep no file open that nobody uses at the moment. It goes on working, only slower; `close` ends that."""
        ...

    def close(self) -> None:
        """Let go of files and locks. Idempotent."""
        ...
