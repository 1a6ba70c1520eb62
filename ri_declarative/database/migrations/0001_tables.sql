-- The three tables of the books. Names without a schema: the runner of migrations sets the search path.

CREATE TABLE import_batches (
    id uuid PRIMARY KEY,
    batch_type text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    stop_reason text,
    source_info jsonb NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    fingerprint text,
    total bigint,
    next_index bigint NOT NULL DEFAULT 0,
    completed bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    inserted bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    claim_from bigint,
    claim_to bigint,
    claim_attempts int NOT NULL DEFAULT 0,
    retry_count int NOT NULL DEFAULT 0,
    error_message text,
    parent_batch_id uuid REFERENCES import_batches (id),
    lease_token uuid,
    lease_expires_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    completed_at timestamptz
);
COMMENT ON COLUMN import_batches.total IS 'records of the source; NULL until it has ended';
COMMENT ON COLUMN import_batches.next_index IS 'index of the first record that is not committed yet';
COMMENT ON COLUMN import_batches.claim_from IS 'first index of the chunk that is being worked on';
COMMENT ON COLUMN import_batches.claim_attempts IS 'how often work on the claimed chunk was begun';
COMMENT ON COLUMN import_batches.retry_count IS 'how often the batch was taken over or resumed';

-- ri status: the newest batches, `last`
CREATE INDEX import_batches_created_at ON import_batches (created_at DESC);
-- ri reprocess: the lineage of a batch
CREATE INDEX import_batches_parent ON import_batches (parent_batch_id) WHERE parent_batch_id IS NOT NULL;

-- An item's id is its batch's id with the low 32 bits replaced by its index (docs/decisions/0004), so
-- that the primary key finds an item by id as well. No foreign key to import_batches: it would cost a
-- quarter of the whole import; the fence on import_batches in every chunk's transaction stands for it.
CREATE TABLE import_batch_items (
    batch_id uuid NOT NULL,
    item_index bigint NOT NULL,
    id uuid NOT NULL,
    source_line bigint,
    status text NOT NULL DEFAULT 'pending',
    action text,
    source_data jsonb NOT NULL,
    processed_data jsonb,
    metadata jsonb,
    target_table text,
    target_id text,
    problems jsonb,
    error_message text,
    parent_item_id uuid,
    key_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz DEFAULT now(),
    PRIMARY KEY (batch_id, item_index)
);
COMMENT ON COLUMN import_batch_items.item_index IS '0-based place in the original source; kept through reprocessing';
COMMENT ON COLUMN import_batch_items.source_data IS 'the record as read: an object, or the raw text of an unreadable record';
COMMENT ON COLUMN import_batch_items.metadata IS
    '"source_data": "json_text": source_data is a string with the JSON text of what JSONB itself cannot hold';

-- ri status, ri errors, failed_imports_report: the few that did not complete
CREATE INDEX import_batch_items_refused ON import_batch_items (batch_id, item_index)
    WHERE status IN ('failed', 'skipped');
-- create_batch: what is still to do
CREATE INDEX import_batch_items_pending ON import_batch_items (batch_id, item_index) WHERE status = 'pending';
-- reprocessing: the repetition of an item; there is at most one
CREATE UNIQUE INDEX import_batch_items_parent ON import_batch_items (parent_item_id) WHERE parent_item_id IS NOT NULL;
-- on_duplicate first and error, on_conflict ignore and error: keys this batch has met; others store no hash
CREATE INDEX import_batch_items_key_hash ON import_batch_items (batch_id, key_hash) WHERE key_hash IS NOT NULL;

CREATE TABLE import_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id uuid NOT NULL,
    item_id uuid,
    log_level text NOT NULL,
    message text NOT NULL,
    details jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- iter_logs: the log of a batch in order
CREATE INDEX import_logs_batch ON import_logs (batch_id, id);
