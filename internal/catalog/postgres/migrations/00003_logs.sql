-- +goose Up
-- The partitions, one a month, are made and dropped as time goes on.
CREATE TABLE searches (
    at        timestamptz NOT NULL,
    index_id  text NOT NULL,
    query     text NOT NULL,
    mode      text NOT NULL,
    took_us   bigint NOT NULL,
    total     bigint NOT NULL,
    hits      integer NOT NULL,
    zero_hits boolean NOT NULL,
    degraded  text[] NOT NULL,
    principal text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX searches_by_index ON searches (index_id, at);
CREATE INDEX searches_zero_hits ON searches (index_id, at) WHERE zero_hits;

CREATE TABLE audit (
    at         timestamptz NOT NULL,
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    principal  text COLLATE "C" NOT NULL,
    action     text NOT NULL,
    target     text COLLATE "C" NOT NULL,
    outcome    text NOT NULL,
    detail     text NOT NULL,
    request_id text NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX audit_newest ON audit (at, seq);
CREATE INDEX audit_by_principal ON audit (principal, at, seq);
CREATE INDEX audit_by_target ON audit (target, at);

-- +goose Down
DROP TABLE audit;
DROP TABLE searches;
