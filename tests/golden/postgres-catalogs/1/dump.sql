SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA lookalike;
CREATE SCHEMA lookalike_c1;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE lookalike.collections (
    name text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE lookalike.collections ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME lookalike.collections_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE lookalike.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    done_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE SEQUENCE lookalike_c1.changes
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE lookalike_c1.claims (
    id text NOT NULL COLLATE pg_catalog."C",
    claim text NOT NULL COLLATE pg_catalog."C",
    vector bytea NOT NULL
);
CREATE TABLE lookalike_c1.deleting (
    id text NOT NULL COLLATE pg_catalog."C",
    until double precision NOT NULL
);
CREATE TABLE lookalike_c1.files (
    path bytea NOT NULL,
    folder text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    key bigint NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL
);
CREATE TABLE lookalike_c1.forgotten (
    id text NOT NULL COLLATE pg_catalog."C",
    metadata text NOT NULL,
    removed_at bigint NOT NULL
);
CREATE TABLE lookalike_c1.further_models (
    number integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    model_id text NOT NULL,
    dimension integer NOT NULL
);
ALTER TABLE lookalike_c1.further_models ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME lookalike_c1.further_models_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE lookalike_c1.history (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    word bigint NOT NULL
);
CREATE TABLE lookalike_c1.identity (
    one boolean DEFAULT true NOT NULL,
    word text NOT NULL,
    model_id text DEFAULT ''::text NOT NULL,
    dimension integer DEFAULT 0 NOT NULL,
    CONSTRAINT identity_one_check CHECK (one)
);
CREATE TABLE lookalike_c1.images (
    key bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    width integer NOT NULL,
    height integer NOT NULL,
    format text NOT NULL COLLATE pg_catalog."C",
    size_bytes bigint NOT NULL,
    taken_at text COLLATE pg_catalog."C",
    camera text COLLATE pg_catalog."C",
    metadata text NOT NULL,
    terms jsonb NOT NULL,
    provisional boolean NOT NULL,
    removed boolean NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    seq bigint NOT NULL,
    vector_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    vector_seq bigint NOT NULL
);
CREATE SEQUENCE lookalike_c1.keys
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE lookalike_c1.leases (
    name text NOT NULL COLLATE pg_catalog."C",
    holder text NOT NULL,
    fence bigint NOT NULL,
    ends_at bigint NOT NULL
);
CREATE TABLE lookalike_c1.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    done_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE lookalike_c1.model_vectors (
    model integer NOT NULL,
    key bigint NOT NULL,
    vector bytea NOT NULL
)
WITH (toast_tuple_target='8160');
ALTER TABLE ONLY lookalike_c1.model_vectors ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE TABLE lookalike_c1.numbers (
    key bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    number numeric NOT NULL
);
CREATE TABLE lookalike_c1.projections (
    model integer NOT NULL,
    version integer NOT NULL,
    mean bytea NOT NULL,
    components bytea NOT NULL,
    learnt_from bigint NOT NULL,
    learnt_at double precision NOT NULL,
    sha256 text NOT NULL
);
CREATE TABLE lookalike_c1.pruned (
    one boolean DEFAULT true NOT NULL,
    newest xid8 NOT NULL,
    CONSTRAINT pruned_one_check CHECK (one)
);
CREATE TABLE lookalike_c1.refused (
    path bytea NOT NULL,
    size_bytes bigint NOT NULL,
    mtime_ns bigint NOT NULL,
    code text NOT NULL,
    reason text NOT NULL
);
CREATE TABLE lookalike_c1.settings (
    name text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL
);
CREATE TABLE lookalike_c1.tallies (
    commits bigint NOT NULL,
    word bigint NOT NULL,
    deltas jsonb NOT NULL
);
CREATE TABLE lookalike_c1.vectors (
    key bigint NOT NULL,
    vector bytea NOT NULL
)
WITH (toast_tuple_target='8160');
ALTER TABLE ONLY lookalike_c1.vectors ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE TABLE lookalike_c1.writes (
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    tables integer NOT NULL,
    touched bigint[] NOT NULL
);
INSERT INTO lookalike.collections OVERRIDING SYSTEM VALUE VALUES ('photos', 1, '2026-11-29 00:39:03.563641+00');
INSERT INTO lookalike.migrations VALUES (1, 'collections', '2026-11-29 00:39:03.55032+00');
INSERT INTO lookalike_c1.claims VALUES ('0000000000000000000000000000000000000000000000000000000000000005', 'claim', '\x003c003c003c003c');
INSERT INTO lookalike_c1.deleting VALUES ('0000000000000000000000000000000000000000000000000000000000000063', 5.5);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f612fff31302e706e67', '/photos/a/', '�10.png', 11, 10, -10);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f612fff322e706e67', '/photos/a/', '�2.png', 3, 2, -2);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f612fff342e706e67', '/photos/a/', '�4.png', 5, 4, -4);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f612fff362e706e67', '/photos/a/', '�6.png', 7, 6, -6);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f612fff382e706e67', '/photos/a/', '�8.png', 9, 8, -8);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f622fff31312e706e67', '/photos/b/', '�11.png', 12, 11, -11);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f622fff332e706e67', '/photos/b/', '�3.png', 4, 3, -3);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f622fff352e706e67', '/photos/b/', '�5.png', 6, 5, -5);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f622fff372e706e67', '/photos/b/', '�7.png', 8, 7, -7);
INSERT INTO lookalike_c1.files VALUES ('\x2f70686f746f732f622fff392e706e67', '/photos/b/', '�9.png', 10, 9, -9);
INSERT INTO lookalike_c1.forgotten VALUES ('0000000000000000000000000000000000000000000000000000000000000000', '{"n":"0","\ud800":["\u0000",null]}', 1790000000);
INSERT INTO lookalike_c1.forgotten VALUES ('0000000000000000000000000000000000000000000000000000000000000001', '{"label":"red","n":1}', 1790000000);
INSERT INTO lookalike_c1.further_models OVERRIDING SYSTEM VALUE VALUES (1, 'fine', 'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', 2);
INSERT INTO lookalike_c1.history VALUES ('757', 8860780574161577324);
INSERT INTO lookalike_c1.history VALUES ('758', 1321716522746283514);
INSERT INTO lookalike_c1.identity VALUES (true, '6e429a2575f84537982955ab46e69a5d', 'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm', 4);
INSERT INTO lookalike_c1.images VALUES (4, '0000000000000000000000000000000000000000000000000000000000000003', 4, 2, 'png', 3, '2024-04-01T00:00:00', 'é', '{"n":"3","\ud800":["\u0000",null]}', '{".n": [{"n": 3, "t": "3"}], ".�": [{"t": "�"}], "names": ["n", "�"]}', false, false, '757', 4, '757', 4);
INSERT INTO lookalike_c1.images VALUES (5, '0000000000000000000000000000000000000000000000000000000000000004', 5, 2, 'png', 4, '2024-05-01T00:00:00', 'é', '{"label":"red","n":4}', '{".n": [{"n": 4, "t": "4"}], "names": ["label", "n"], ".label": [{"t": "red"}]}', false, false, '757', 5, '757', 5);
INSERT INTO lookalike_c1.images VALUES (6, '0000000000000000000000000000000000000000000000000000000000000005', 6, 2, 'png', 5, '2024-06-01T00:00:00', 'é', '{"label":"red","n":5}', '{".n": [{"n": 5, "t": "5"}], "names": ["label", "n"], ".label": [{"t": "red"}]}', true, false, '757', 6, '757', 6);
INSERT INTO lookalike_c1.images VALUES (7, '0000000000000000000000000000000000000000000000000000000000000006', 7, 2, 'png', 6, '2024-07-01T00:00:00', 'é', '{"n":"6","\ud800":["\u0000",null]}', '{".n": [{"n": 6, "t": "6"}], ".�": [{"t": "�"}], "names": ["n", "�"]}', false, false, '757', 7, '757', 7);
INSERT INTO lookalike_c1.images VALUES (8, '0000000000000000000000000000000000000000000000000000000000000007', 8, 2, 'png', 7, '2024-08-01T00:00:00', 'é', '{"label":"red","n":7}', '{".n": [{"n": 7, "t": "7"}], "names": ["label", "n"], ".label": [{"t": "red"}]}', false, false, '757', 8, '757', 8);
INSERT INTO lookalike_c1.images VALUES (9, '0000000000000000000000000000000000000000000000000000000000000008', 9, 2, 'png', 8, '2024-09-01T00:00:00', 'é', '{"label":"red","n":8}', '{".n": [{"n": 8, "t": "8"}], "names": ["label", "n"], ".label": [{"t": "red"}]}', false, false, '757', 9, '757', 9);
INSERT INTO lookalike_c1.images VALUES (10, '0000000000000000000000000000000000000000000000000000000000000009', 10, 2, 'png', 9, '2024-10-01T00:00:00', 'é', '{"n":"9","\ud800":["\u0000",null]}', '{".n": [{"n": 9, "t": "9"}], ".�": [{"t": "�"}], "names": ["n", "�"]}', false, false, '757', 10, '757', 10);
INSERT INTO lookalike_c1.images VALUES (11, '000000000000000000000000000000000000000000000000000000000000000a', 11, 2, 'png', 10, '2024-11-01T00:00:00', 'é', '{"label":"red","n":10}', '{".n": [{"n": 10, "t": "10"}], "names": ["label", "n"], ".label": [{"t": "red"}]}', false, false, '757', 11, '757', 11);
INSERT INTO lookalike_c1.images VALUES (12, '000000000000000000000000000000000000000000000000000000000000000b', 12, 2, 'png', 11, '2024-12-01T00:00:00', 'é', '{"label":"red","n":11}', '{".n": [{"n": 11, "t": "11"}], "names": ["label", "n"], ".label": [{"t": "red"}]}', false, false, '757', 12, '757', 12);
INSERT INTO lookalike_c1.images VALUES (1, '0000000000000000000000000000000000000000000000000000000000000000', 1, 2, 'png', 0, NULL, NULL, '{}', '{}', false, true, '758', 13, '758', 13);
INSERT INTO lookalike_c1.images VALUES (2, '0000000000000000000000000000000000000000000000000000000000000001', 2, 2, 'png', 1, NULL, NULL, '{}', '{}', false, true, '758', 14, '758', 14);
INSERT INTO lookalike_c1.images VALUES (3, '0000000000000000000000000000000000000000000000000000000000000002', 3, 2, 'png', 2, '2024-03-01T00:00:00', 'é', '{"label":"blue","n":2}', '{".n": [{"n": 2, "t": "2"}], "names": ["label", "n"], ".label": [{"t": "blue"}]}', false, false, '758', 15, '757', 3);
INSERT INTO lookalike_c1.leases VALUES ('applier', 'me', 1, 1790000030);
INSERT INTO lookalike_c1.migrations VALUES (1, 'pictures', '2026-11-29 00:39:03.563641+00');
INSERT INTO lookalike_c1.model_vectors VALUES (1, 4, '\x003c003c');
INSERT INTO lookalike_c1.model_vectors VALUES (1, 5, '\x003c003c');
INSERT INTO lookalike_c1.model_vectors VALUES (1, 6, '\x003c003c');
INSERT INTO lookalike_c1.numbers VALUES (4, 'n', 3);
INSERT INTO lookalike_c1.numbers VALUES (5, 'n', 4);
INSERT INTO lookalike_c1.numbers VALUES (6, 'n', 5);
INSERT INTO lookalike_c1.numbers VALUES (7, 'n', 6);
INSERT INTO lookalike_c1.numbers VALUES (8, 'n', 7);
INSERT INTO lookalike_c1.numbers VALUES (9, 'n', 8);
INSERT INTO lookalike_c1.numbers VALUES (10, 'n', 9);
INSERT INTO lookalike_c1.numbers VALUES (11, 'n', 10);
INSERT INTO lookalike_c1.numbers VALUES (12, 'n', 11);
INSERT INTO lookalike_c1.numbers VALUES (3, 'n', 2);
INSERT INTO lookalike_c1.projections VALUES (0, 1, '\x000000000000803f0000004000004040', '\x0000803f00000000000000000000803f00000000000000000000000000000000', 12, 1.5, '7b350a8b976df8cc4425e56ceb0b0309e0b326eb1682c061766bbbee7157f733');
INSERT INTO lookalike_c1.pruned VALUES (true, '0');
INSERT INTO lookalike_c1.refused VALUES ('\x2f70686f746f732f78', 1, 2, 'broken', 'it is broken');
INSERT INTO lookalike_c1.settings VALUES ('devices', '{"/photos": "disk"}');
INSERT INTO lookalike_c1.settings VALUES ('out of sight', '{"/gone": ["/gone/1"]}');
INSERT INTO lookalike_c1.tallies VALUES (1, 427386346862482689, '{}');
INSERT INTO lookalike_c1.tallies VALUES (1, 6710760155875823568, '{"files": 11, "images": 12, "field n": 12, "model 1": 3, "refused": 1, "field �": 4, "field label": 8}');
INSERT INTO lookalike_c1.tallies VALUES (1, 6874630134121428341, '{"files": -1, "images": -2, "field n": -2, "field �": -1, "forgotten": 2, "field label": -1}');
INSERT INTO lookalike_c1.vectors VALUES (3, '\x923c253db73d493e');
INSERT INTO lookalike_c1.vectors VALUES (4, '\xdb3e6e3f00404940');
INSERT INTO lookalike_c1.vectors VALUES (5, '\x9240db4025416e41');
INSERT INTO lookalike_c1.vectors VALUES (6, '\xb741004249429242');
INSERT INTO lookalike_c1.vectors VALUES (7, '\xdb4225436e43b743');
INSERT INTO lookalike_c1.vectors VALUES (8, '\x0044254449446e44');
INSERT INTO lookalike_c1.vectors VALUES (9, '\x9244b744db440045');
INSERT INTO lookalike_c1.vectors VALUES (10, '\x254549456e459245');
INSERT INTO lookalike_c1.vectors VALUES (11, '\xb745db4500462546');
INSERT INTO lookalike_c1.vectors VALUES (12, '\x49466e469246b746');
INSERT INTO lookalike_c1.writes VALUES ('756', '2026-11-29 00:39:03.651304+00', 16, '{-16}');
INSERT INTO lookalike_c1.writes VALUES ('757', '2026-11-29 00:39:03.694275+00', 1527, '{-2267767744805040511,-2458131244264738556,8545004502881508481,6185076125512036232,4953549854371359752,-5334273716319615858,3025852783998626697,-8559955217757449839,-6209867464337158770,-910691506599432688,-7214303369912106604,8553089608542717198,-4984150420236382956,-6007932586661881451,6003014551641360245,-2027933949676695530,8029180046984227988,7401859618476504341,445482140340734986,-4570055989178068066,-1418447437957436641,-232608302744047456,8957727041885435934,-2112880330466491743,9212192796900411553,-7995615146375766872,3342287182295111460,-5511771110415112793,-8598435379532200917,-289589223806917464,3093661323379685796,-1461584430079425877,5145634004865927338,6694760138785810347,58580972712266028,5155826990846238892,-4930806095496007628,-8768755768155023815,4702198719504644276,-5730389280665171782,6829642751533530688,7618661262148833346,4395158336585815750,-6756761278800975030,-8983690345747459637,-6584763210218252467,9119537460368824648,9005098362488685007,4172100487992973393,3184917442129129811,2907025906049365077,1255279393060925014,-3894372371141237416,-4538858885693297959,-8953486237217044642,7339680267512494553,-3125411334529361562,7647563303501170026,7171560498798713836,7072780039330678126,34163539980494067,2539106209128050804,4844415183605734133,4179387254986566136,-1270895629567289222,-8102170947525584754,4787233526471002237}');
INSERT INTO lookalike_c1.writes VALUES ('758', '2026-11-29 00:39:03.752006+00', 811, '{1789030724701270496,4686247589202472863,-434496821496808382,-3125411334529361562,7618661262148833346,6185076125512036232,-7521867447930410706,-5731948692267593618,5145634004865927338,7171560498798713836,-7214303369912106604,-4984150420236382956,6279478348610405784,-1131314449404521315}');
SELECT pg_catalog.setval('lookalike.collections_number_seq', 1, true);
SELECT pg_catalog.setval('lookalike_c1.changes', 15, true);
SELECT pg_catalog.setval('lookalike_c1.further_models_number_seq', 1, true);
SELECT pg_catalog.setval('lookalike_c1.keys', 12, true);
ALTER TABLE ONLY lookalike.collections
    ADD CONSTRAINT collections_number_key UNIQUE (number);
ALTER TABLE ONLY lookalike.collections
    ADD CONSTRAINT collections_pkey PRIMARY KEY (name);
ALTER TABLE ONLY lookalike.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY lookalike_c1.claims
    ADD CONSTRAINT claims_pkey PRIMARY KEY (id, claim);
ALTER TABLE ONLY lookalike_c1.deleting
    ADD CONSTRAINT deleting_pkey PRIMARY KEY (id);
ALTER TABLE ONLY lookalike_c1.files
    ADD CONSTRAINT files_pkey PRIMARY KEY (path);
ALTER TABLE ONLY lookalike_c1.forgotten
    ADD CONSTRAINT forgotten_pkey PRIMARY KEY (id);
ALTER TABLE ONLY lookalike_c1.further_models
    ADD CONSTRAINT further_models_model_id_key UNIQUE (model_id);
ALTER TABLE ONLY lookalike_c1.further_models
    ADD CONSTRAINT further_models_name_key UNIQUE (name);
ALTER TABLE ONLY lookalike_c1.further_models
    ADD CONSTRAINT further_models_pkey PRIMARY KEY (number);
ALTER TABLE ONLY lookalike_c1.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (xid);
ALTER TABLE ONLY lookalike_c1.identity
    ADD CONSTRAINT identity_pkey PRIMARY KEY (one);
ALTER TABLE ONLY lookalike_c1.images
    ADD CONSTRAINT images_id_key UNIQUE (id);
ALTER TABLE ONLY lookalike_c1.images
    ADD CONSTRAINT images_pkey PRIMARY KEY (key);
ALTER TABLE ONLY lookalike_c1.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);
ALTER TABLE ONLY lookalike_c1.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY lookalike_c1.model_vectors
    ADD CONSTRAINT model_vectors_pkey PRIMARY KEY (model, key);
ALTER TABLE ONLY lookalike_c1.projections
    ADD CONSTRAINT projections_pkey PRIMARY KEY (model, version);
ALTER TABLE ONLY lookalike_c1.pruned
    ADD CONSTRAINT pruned_pkey PRIMARY KEY (one);
ALTER TABLE ONLY lookalike_c1.refused
    ADD CONSTRAINT refused_pkey PRIMARY KEY (path);
ALTER TABLE ONLY lookalike_c1.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);
ALTER TABLE ONLY lookalike_c1.vectors
    ADD CONSTRAINT vectors_pkey PRIMARY KEY (key);
ALTER TABLE ONLY lookalike_c1.writes
    ADD CONSTRAINT writes_pkey PRIMARY KEY (xid);
CREATE INDEX files_by_folder ON lookalike_c1.files USING btree (folder);
CREATE INDEX files_by_key ON lookalike_c1.files USING btree (key);
CREATE INDEX forgotten_by_time ON lookalike_c1.forgotten USING btree (removed_at);
CREATE INDEX images_by_change ON lookalike_c1.images USING btree (xid, seq);
CREATE INDEX images_by_terms ON lookalike_c1.images USING gin (terms jsonb_path_ops);
CREATE INDEX images_by_time ON lookalike_c1.images USING btree (taken_at) WHERE (taken_at IS NOT NULL);
CREATE INDEX images_by_vector_change ON lookalike_c1.images USING btree (vector_xid, vector_seq);
CREATE INDEX numbers_by_key ON lookalike_c1.numbers USING btree (key);
CREATE INDEX numbers_in_order ON lookalike_c1.numbers USING btree (name, number, key);
