-- +goose Up
CREATE TABLE jobs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,
    node       TEXT NOT NULL,
    index_id   TEXT NOT NULL,
    total      INTEGER NOT NULL,
    done       INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    dropped    INTEGER NOT NULL DEFAULT 0,
    kept       INTEGER NOT NULL DEFAULT 0,
    last_line  INTEGER NOT NULL DEFAULT 0,
    error      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at   INTEGER
);
CREATE INDEX jobs_newest ON jobs (created_at, id);
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_items (
    job   TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line  INTEGER NOT NULL,
    id    TEXT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (job, line)
);

-- +goose Down
DROP TABLE job_items;
DROP TABLE jobs;
