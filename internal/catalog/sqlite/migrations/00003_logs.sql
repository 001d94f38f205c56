-- +goose Up
CREATE TABLE searches (
    at        INTEGER NOT NULL,
    index_id  TEXT NOT NULL,
    query     TEXT NOT NULL,
    mode      TEXT NOT NULL,
    took_us   INTEGER NOT NULL,
    total     INTEGER NOT NULL,
    hits      INTEGER NOT NULL,
    zero_hits INTEGER NOT NULL,
    degraded  TEXT NOT NULL,
    principal TEXT NOT NULL
);
CREATE INDEX searches_by_time ON searches (at);
CREATE INDEX searches_by_index ON searches (index_id, at);

CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    principal  TEXT NOT NULL,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL
);
CREATE INDEX audit_newest ON audit (at, seq);

-- +goose Down
DROP TABLE audit;
DROP TABLE searches;
