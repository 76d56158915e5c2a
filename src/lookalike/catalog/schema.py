"""The tables of a catalog, as the newest migration leaves them.

    images   one row per picture ever taken in; a removed one stays as a tombstone, so that the change feed is complete;
             `provisional` where the vector is a client's that was not compared yet; `seq` is the number of its last
             change, `vector_seq` that of the last one which concerned its vector
    vectors  its raw vector: D little-endian float16
    files    where it lies; `path` is the file system's bytes, `folder` (with its closing slash) and `name` their text
    terms    its metadata taken apart for filters (see `lookalike.core.fields`); the original is in `images.metadata`
    refused  files that were refused
    forgotten  metadata of removed pictures by id, and when they were removed (seconds since 1970): it returns
             with them
    settings model_id, dimension, last_seq, version; `identity`: a random word for the collection; `commit`: one for the
             last commit; `lineage <seq>`: one for who made the changes from there on; `count images`, `count files`,
             `count refused`, `count forgotten`: how many there are; devices: the device of each folder by its path, a
             JSON object; out of sight: by folder, some of the files that are missing below it, likewise;
             `deleting <picture>`: until when (seconds since 1970) somebody deletes its kept bytes;
             `claim <picture> <upload>`: the vector that an upload claims of a provisional picture, base64
    further_models  other models of which vectors are kept, by the user's names, and how many
    model_vectors   these vectors: D little-endian float16, D that model's dimension
    projections  numbered versions of what was learnt of a model's vectors: `model` is 0 for the collection's own, else
             the number of a further one; `mean` and `components` are little-endian float32, (D,) and (D, d); `sha256`
             is of both
    leases   who may do what only one may do, until when (seconds since 1970); kept when it has ended, so that the fence
             grows on

Triggers keep the counts right in the same transaction, whoever writes: counting a million rows takes 70 ms.

Migrations spell out their tables themselves; a test compares what they make with what is written here. The engine
speaks SQL to the driver: importing SQLAlchemy takes 0.35 s, which a search from the command line does not have.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
)

metadata = MetaData()

images = Table(
    "images",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("format", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("taken_at", Text),
    Column("camera", Text),
    Column("metadata", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("provisional", Boolean, nullable=False, server_default="0"),
    Column("vector_seq", BigInteger, nullable=False, server_default="0"),
    Index("images_by_seq", "seq", unique=True),
    Index("images_by_vector_seq", "vector_seq", unique=True),
    sqlite_autoincrement=True,  # a key is never given twice
)

vectors = Table(
    "vectors",
    metadata,
    Column("key", Integer, ForeignKey("images.key"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
    Column("folder", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Integer, ForeignKey("images.key"), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Index("files_by_key", "key"),
    Index("files_by_folder", "folder"),
)

terms = Table(
    "terms",
    metadata,
    Column("key", Integer, ForeignKey("images.key"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("text", Text),
    Column("number", Numeric),
    Index("terms_by_text", "name", "text"),
    Index("terms_by_number", "name", "number"),
    sqlite_with_rowid=False,
)

refused = Table(
    "refused",
    metadata,
    Column("path", LargeBinary, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("id", Text, primary_key=True),
    Column("metadata", Text, nullable=False),
    Column("removed_at", BigInteger, nullable=False),
    Index("forgotten_by_time", "removed_at"),
    sqlite_with_rowid=False,
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

further_models = Table(
    "further_models",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("model_id", Text, nullable=False, unique=True),
    Column("dimension", Integer, nullable=False),
    Column("count", BigInteger, nullable=False),
)

# A table with rows of its own and an index beside it: where the key itself is the table (WITHOUT ROWID), SQLite lays
# most of each vector on a page of its own, and going through all of them takes three times the reading.
model_vectors = Table(
    "model_vectors",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key", Integer, ForeignKey("images.key"), nullable=False),
    Column("model", Integer, ForeignKey("further_models.number"), nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Index("model_vectors_by_key", "model", "key", unique=True),
)

projections = Table(
    "projections",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("model", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("mean", LargeBinary, nullable=False),
    Column("components", LargeBinary, nullable=False),
    Column("learnt_from", BigInteger, nullable=False),
    Column("learnt_at", Float, nullable=False),
    Column("sha256", Text, nullable=False),
    Index("projections_by_version", "model", "version", unique=True),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
