-- What indexes there are, and which versions each has. The vectors of version 7 are in a table v7 beside these.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE ours.indexes (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection text NOT NULL UNIQUE,
    fence bigint NOT NULL,
    serving bigint
);

CREATE TABLE ours.versions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    index integer NOT NULL REFERENCES ours.indexes (number),
    name text NOT NULL,
    projection_version integer NOT NULL,
    dimension integer NOT NULL,
    count bigint NOT NULL DEFAULT 0,
    applied text NOT NULL DEFAULT '',
    tuned jsonb,
    UNIQUE (index, name)
);
