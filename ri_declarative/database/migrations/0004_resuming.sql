-- What lets an interrupted batch be finished by another process: who works on it, how far its source was read, and
-- which records may have killed a runner.

ALTER TABLE import_batches
    ADD COLUMN owner text,
    ADD COLUMN begun_by uuid,
    ADD COLUMN claim_suspect bigint NOT NULL DEFAULT 0,
    ADD COLUMN read_digest text;
COMMENT ON COLUMN import_batches.owner IS 'host and process that work on the batch, for people; the token decides';
COMMENT ON COLUMN import_batches.begun_by IS 'the token of the last runner whose work on records was begun';
COMMENT ON COLUMN import_batches.claim_suspect IS
    'how many records from claim_from on may have killed a runner: they are taken in ever smaller chunks';
COMMENT ON COLUMN import_batches.read_digest IS 'running SHA-256 over source_data of all records before next_index';

-- ri run: batches of the same content
CREATE INDEX import_batches_content ON import_batches (batch_type, (source_info ->> 'sha256'));
-- every run: who works on batches of a type, and whose lease has ended
CREATE INDEX import_batches_processing ON import_batches (batch_type) WHERE status = 'processing';
