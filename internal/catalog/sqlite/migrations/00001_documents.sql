-- +goose Up
-- Times are microseconds since 1970 UTC. Texts compare by bytes.
CREATE TABLE indexes (
    no      INTEGER PRIMARY KEY,
    uuid    TEXT NOT NULL UNIQUE,
    name    TEXT NOT NULL,
    dropped INTEGER
);

CREATE TABLE shards (
    no         INTEGER PRIMARY KEY,
    shard      TEXT NOT NULL UNIQUE,
    index_no   INTEGER NOT NULL REFERENCES indexes (no),
    version    INTEGER NOT NULL,
    settled    INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    deletes    INTEGER NOT NULL,
    sweep      INTEGER NOT NULL,
    round      INTEGER NOT NULL,
    rewound    INTEGER NOT NULL,
    rebuilding INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE TABLE documents (
    index_no    INTEGER NOT NULL,
    id          TEXT NOT NULL,
    parent      TEXT NOT NULL,
    shard_no    INTEGER NOT NULL,
    round       INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    source      TEXT NOT NULL,
    checksum    TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    error       TEXT NOT NULL,
    truncated   INTEGER NOT NULL,
    received_at INTEGER,
    indexed_at  INTEGER,
    embedded_at INTEGER,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (index_no, id)
);
CREATE INDEX documents_newest ON documents (index_no, updated_at, id);
CREATE INDEX documents_by_state ON documents (index_no, state, updated_at, id);
CREATE INDEX documents_by_source ON documents (index_no, source, updated_at) WHERE source <> '';
CREATE INDEX documents_by_parent ON documents (index_no, parent) WHERE parent <> '';

-- +goose Down
DROP TABLE documents;
DROP TABLE shards;
DROP TABLE indexes;
