-- One row that says of which collection, and of which model.
CREATE TABLE ours.identity (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    word text NOT NULL,
    model_id text NOT NULL DEFAULT '',
    dimension integer NOT NULL DEFAULT 0
);
INSERT INTO ours.identity (word) VALUES (replace(gen_random_uuid()::text, '-', ''));

CREATE SEQUENCE ours.keys;
CREATE SEQUENCE ours.changes;

-- Every picture ever taken in; a removed one stays as a tombstone, so that the feed is complete. (xid, seq) is the place
-- of its last change, (vector_xid, vector_seq) that of the last one which concerned its vector. `metadata` is the
-- original, JSON in ASCII; `terms` is the same taken apart for filters.
CREATE TABLE ours.images (
    key bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    width integer NOT NULL,
    height integer NOT NULL,
    format text COLLATE "C" NOT NULL,
    size_bytes bigint NOT NULL,
    taken_at text COLLATE "C",
    camera text COLLATE "C",
    metadata text NOT NULL,
    terms jsonb NOT NULL,
    provisional boolean NOT NULL,
    removed boolean NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint NOT NULL,
    vector_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    vector_seq bigint NOT NULL
);
CREATE INDEX images_by_change ON ours.images (xid, seq);
CREATE INDEX images_by_vector_change ON ours.images (vector_xid, vector_seq);
CREATE INDEX images_by_terms ON ours.images USING gin (terms jsonb_path_ops);
CREATE INDEX images_by_time ON ours.images (taken_at) WHERE taken_at IS NOT NULL;

-- The numbers of `terms`, in order: what is larger or smaller is found without looking at every picture.
CREATE TABLE ours.numbers (
    key bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    number numeric NOT NULL
);
CREATE INDEX numbers_in_order ON ours.numbers (name, number, key);
CREATE INDEX numbers_by_key ON ours.numbers (key);

-- Little-endian float16. In the row itself, as far as a page holds it: packing them would take time and save nothing.
CREATE TABLE ours.vectors (
    key bigint PRIMARY KEY,
    vector bytea NOT NULL
) WITH (toast_tuple_target = 8160);
ALTER TABLE ours.vectors ALTER COLUMN vector SET STORAGE EXTERNAL;

-- `path` is the file system's bytes, `folder` (with its closing slash) and `name` their text.
CREATE TABLE ours.files (
    path bytea PRIMARY KEY,
    folder text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    key bigint NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL
);
CREATE INDEX files_by_key ON ours.files (key);
CREATE INDEX files_by_folder ON ours.files (folder);

CREATE TABLE ours.refused (
    path bytea PRIMARY KEY,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    code text NOT NULL,
    reason text NOT NULL
);

-- Metadata of removed pictures, which returns with them; `removed_at` in seconds since 1970.
CREATE TABLE ours.forgotten (
    id text COLLATE "C" PRIMARY KEY,
    metadata text NOT NULL,
    removed_at bigint NOT NULL
);
CREATE INDEX forgotten_by_time ON ours.forgotten (removed_at);

CREATE TABLE ours.settings (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE ours.claims (
    id text COLLATE "C" NOT NULL,
    claim text COLLATE "C" NOT NULL,
    vector bytea NOT NULL,
    PRIMARY KEY (id, claim)
);

-- Whose kept bytes are being deleted, and until when, in seconds since 1970.
CREATE TABLE ours.deleting (
    id text COLLATE "C" PRIMARY KEY,
    until double precision NOT NULL
);

CREATE TABLE ours.further_models (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    model_id text NOT NULL UNIQUE,
    dimension integer NOT NULL
);
CREATE TABLE ours.model_vectors (
    model integer NOT NULL,
    key bigint NOT NULL,
    vector bytea NOT NULL,
    PRIMARY KEY (model, key)
) WITH (toast_tuple_target = 8160);
ALTER TABLE ours.model_vectors ALTER COLUMN vector SET STORAGE EXTERNAL;

-- `model` is 0 for the collection's own. Little-endian float32.
CREATE TABLE ours.projections (
    model integer NOT NULL,
    version integer NOT NULL,
    mean bytea NOT NULL,
    components bytea NOT NULL,
    learnt_from bigint NOT NULL,
    learnt_at double precision NOT NULL,
    sha256 text NOT NULL,
    PRIMARY KEY (model, version)
);

CREATE TABLE ours.leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text NOT NULL,
    fence bigint NOT NULL,
    ends_at bigint NOT NULL
);

-- What each commit has added and taken away; nobody writes to a row that another one has written. The sums are what is
-- there; rows are put together now and then. `word` is a random number: those of all commits, taken together by XOR, are
-- another number after every commit.
CREATE TABLE ours.tallies (
    commits bigint NOT NULL,
    word bigint NOT NULL,
    deltas jsonb NOT NULL
);

-- What each commit has changed, as numbers made of keys, for those that began before it was committed and have read the
-- same: kept for as long as there may be such. `pruned` is the last of those that were deleted.
CREATE TABLE ours.writes (
    xid xid8 PRIMARY KEY DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tables integer NOT NULL,
    touched bigint[] NOT NULL
);
CREATE TABLE ours.pruned (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    newest xid8 NOT NULL
);
INSERT INTO ours.pruned (newest) VALUES ('0');

-- The commits that moved the feed, each with a random word that a cursor bears: in a database that was put back from a
-- copy, the same number gets another word.
CREATE TABLE ours.history (
    xid xid8 PRIMARY KEY DEFAULT pg_current_xact_id(),
    word bigint NOT NULL
);
