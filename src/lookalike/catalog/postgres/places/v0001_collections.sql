-- Which catalogs there are, and in which schema each has its tables. A number is never given twice, so that who has one
-- open that was dropped and made anew is told.
CREATE TABLE ours.collections (
    name text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    made_at timestamptz NOT NULL DEFAULT now()
);
