-- A job's number grows with its age. `jobs_live` is read in that order, and has all that a claim asks for.
CREATE TABLE ours.jobs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    key text UNIQUE,
    kind text NOT NULL,
    collection text NOT NULL,
    owner text NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    postponed integer NOT NULL,
    lease bigint NOT NULL,
    worker text NOT NULL,
    due_at double precision NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    available_at double precision NOT NULL,
    result text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    payload text NOT NULL
);
CREATE INDEX jobs_live ON ours.jobs (number, due_at, kind, collection) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_waiting ON ours.jobs (available_at) WHERE state = 'queued';
CREATE INDEX jobs_by_state ON ours.jobs (state, number);

-- An event repeats its job but for the payload, which is large and does not change. It has no `seq` before it is
-- committed: whoever reads next gives it one.
CREATE TABLE ours.events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq bigint UNIQUE,
    event text NOT NULL,
    collection text NOT NULL,
    job_id text NOT NULL,
    job text NOT NULL
);
CREATE INDEX events_new ON ours.events (id) WHERE seq IS NULL;

-- A number is never given twice, so that a row which was published is not taken for a later one of the same job.
CREATE TABLE ours.outbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id text NOT NULL UNIQUE,
    kind text NOT NULL,
    due_at double precision NOT NULL
);
CREATE INDEX outbox_due ON ours.outbox (due_at, number);

-- An upload's number grows with its age. Its columns are what is asked for; `record` is the whole of it.
CREATE TABLE ours.uploads (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    collection text NOT NULL,
    owner text NOT NULL,
    size_bytes bigint NOT NULL,
    state text NOT NULL,
    ended boolean NOT NULL,
    expires_at double precision NOT NULL,
    changed_at double precision NOT NULL,
    record text NOT NULL
);
CREATE INDEX uploads_of ON ours.uploads (collection, number);
CREATE INDEX uploads_waiting ON ours.uploads (expires_at) WHERE state = 'waiting';
CREATE INDEX uploads_taking_room ON ours.uploads (owner, size_bytes)
    WHERE state IN ('waiting', 'provisional', 'queued', 'quarantined');

CREATE TABLE ours.begun (
    key text PRIMARY KEY,
    caller text NOT NULL,
    body_hash text NOT NULL,
    holder text NOT NULL,
    begun_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    status integer,
    headers text,
    body bytea,
    size_bytes bigint NOT NULL DEFAULT 0
);
CREATE INDEX begun_expiring ON ours.begun (expires_at);
CREATE INDEX begun_by ON ours.begun (caller, begun_at, key) WHERE status IS NOT NULL;

CREATE TABLE ours.tickets (
    digest text PRIMARY KEY,
    principal text NOT NULL,
    expires_at double precision NOT NULL
);
