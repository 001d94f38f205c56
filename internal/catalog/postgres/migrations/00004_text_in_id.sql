-- +goose Up
-- Parts of ids are found by their trigrams.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX documents_text_in_id ON documents USING gin (id gin_trgm_ops);

-- +goose Down
DROP INDEX documents_text_in_id;
