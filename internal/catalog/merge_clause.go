package catalog

// MergeClause is Merge in SQL, as PostgreSQL and SQLite both read it: what follows an INSERT of entries into documents AS
// d, whose key is (index_no, id). States are the numbers of State: 3 embedded, 5 deleted.
const MergeClause = `ON CONFLICT (index_no, id) DO UPDATE SET
    shard_no = excluded.shard_no, round = excluded.round, version = excluded.version, sequence = excluded.sequence,
    state = excluded.state, error = excluded.error, truncated = excluded.truncated,
    parent = CASE WHEN excluded.parent = '' AND (excluded.version = d.version OR excluded.state = 5)
        THEN d.parent ELSE excluded.parent END,
    source = CASE WHEN excluded.source = '' AND (excluded.version = d.version OR excluded.state = 5)
        THEN d.source ELSE excluded.source END,
    checksum = CASE WHEN excluded.checksum = '' AND (excluded.version = d.version OR excluded.state = 5)
        THEN d.checksum ELSE excluded.checksum END,
    bytes = CASE WHEN excluded.bytes = 0 AND (excluded.version = d.version OR excluded.state = 5)
        THEN d.bytes ELSE excluded.bytes END,
    received_at = CASE WHEN excluded.version = d.version
        THEN coalesce(d.received_at, excluded.received_at) ELSE excluded.received_at END,
    indexed_at = CASE WHEN excluded.version = d.version
        THEN coalesce(d.indexed_at, excluded.indexed_at) ELSE excluded.indexed_at END,
    embedded_at = CASE WHEN excluded.version = d.version AND excluded.state = 3
        THEN coalesce(excluded.embedded_at, d.embedded_at) ELSE excluded.embedded_at END,
    updated_at = CASE WHEN excluded.version = d.version AND excluded.state = d.state
        THEN d.updated_at ELSE excluded.updated_at END
WHERE CASE WHEN d.shard_no = excluded.shard_no
    THEN d.round < excluded.round
        OR (excluded.version, excluded.sequence, excluded.state) > (d.version, d.sequence, d.state)
    ELSE excluded.version >= d.version END`
