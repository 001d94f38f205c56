-- +goose Up
CREATE TABLE jobs (
    id         text COLLATE "C" PRIMARY KEY,
    kind       text NOT NULL,
    state      text NOT NULL,
    node       text NOT NULL,
    index_id   text NOT NULL,
    total      bigint NOT NULL,
    done       bigint NOT NULL,
    failed     bigint NOT NULL,
    bytes      bigint NOT NULL,
    dropped    bigint NOT NULL DEFAULT 0,
    kept       integer NOT NULL DEFAULT 0,
    last_line  bigint NOT NULL DEFAULT 0,
    error      text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX jobs_newest ON jobs (created_at, id);
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE job_items (
    job   text COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line  bigint NOT NULL,
    id    text NOT NULL,
    error text NOT NULL,
    PRIMARY KEY (job, line)
);

-- +goose Down
DROP TABLE job_items;
DROP TABLE jobs;
