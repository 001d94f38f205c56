-- +goose Up
CREATE TABLE indexes (
    no      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid    text NOT NULL UNIQUE,
    name    text NOT NULL,
    dropped timestamptz
);

CREATE TABLE shards (
    no         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard      text NOT NULL UNIQUE,
    index_no   integer NOT NULL REFERENCES indexes (no),
    version    bigint NOT NULL,
    settled    bigint NOT NULL,
    generation integer NOT NULL,
    deletes    bigint NOT NULL,
    sweep      bigint NOT NULL,
    round      bigint NOT NULL,
    rewound    boolean NOT NULL,
    rebuilding boolean NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX shards_by_index ON shards (index_no);

-- Texts compare by bytes, as ids do elsewhere. Every document changes some times soon after it came: without more
-- vacuuming than by default, what could be read from an index alone is not.
CREATE TABLE documents (
    index_no    integer NOT NULL,
    id          text COLLATE "C" NOT NULL,
    parent      text COLLATE "C" NOT NULL,
    shard_no    integer NOT NULL,
    round       bigint NOT NULL,
    version     bigint NOT NULL,
    sequence    bigint NOT NULL,
    state       smallint NOT NULL,
    source      text COLLATE "C" NOT NULL,
    checksum    text NOT NULL,
    bytes       bigint NOT NULL,
    error       text NOT NULL,
    truncated   boolean NOT NULL,
    received_at timestamptz,
    indexed_at  timestamptz,
    embedded_at timestamptz,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (index_no, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX documents_newest ON documents (index_no, updated_at, id);
CREATE INDEX documents_by_state ON documents (index_no, state, updated_at, id);
CREATE INDEX documents_by_source ON documents (index_no, source, updated_at) WHERE source <> '';
CREATE INDEX documents_by_parent ON documents (index_no, parent) WHERE parent <> '';

-- +goose Down
DROP TABLE documents;
DROP TABLE shards;
DROP TABLE indexes;
