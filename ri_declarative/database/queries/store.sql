-- name: begin_settings
-- What a transaction of ours relies on; the session's own search path stays, users' triggers need it.
SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', NULLIF(pg_catalog.current_setting('search_path'), ''), 'pg_temp'), true),
       pg_catalog.set_config('DateStyle', 'ISO, YMD', true), pg_catalog.set_config('TimeZone', 'UTC', true),
       pg_catalog.set_config('IntervalStyle', 'postgres', true), pg_catalog.set_config('extra_float_digits', '1', true),
       pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('array_nulls', 'on', true),
       pg_catalog.set_config('transform_null_equals', 'off', true), pg_catalog.set_config('xmloption', 'content', true),
       pg_catalog.set_config('quote_all_identifiers', 'off', true),
       pg_catalog.set_config('standard_conforming_strings', 'on', true),
       pg_catalog.set_config('ri.transaction', 'open', true);

-- name: is_our_transaction
-- Whether `begin_settings` began this transaction; its mark goes with it.
SELECT COALESCE(pg_catalog.current_setting('ri.transaction', true), '') = 'open' AS ours;

-- name: create_batch
-- A new batch that works already, owned by :token.
INSERT INTO {schema}.import_batches
    (id, batch_type, status, source_info, metadata, fingerprint, parent_batch_id, claim_from, claim_to, claim_attempts,
     lease_token, lease_expires_at, started_at)
VALUES
    (CAST(:id AS uuid), :batch_type, 'processing', CAST(:source_info AS jsonb), CAST(:metadata AS jsonb), :fingerprint,
     CAST(:parent_batch_id AS uuid), 0, :claim_to, 1, CAST(:token AS uuid),
     pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s), pg_catalog.clock_timestamp())
RETURNING pg_catalog.to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS started_at;

-- name: advance
-- The fence: books a chunk and claims the next one, only for the owner and only once.
UPDATE {schema}.import_batches
SET next_index = :new_index, claim_from = :new_index, claim_to = :claim_to, claim_attempts = 1,
    completed = completed + :completed, failed = failed + :failed, skipped = skipped + :skipped,
    inserted = inserted + :inserted, updated = updated + :updated, unchanged = unchanged + :unchanged,
    lease_expires_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s)
WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid) AND next_index = :old_index
  AND status = 'processing' AND pg_catalog.current_setting('ri.transaction', true) = 'open';

-- name: create_pending
-- A batch that waits to be processed.
INSERT INTO {schema}.import_batches (id, batch_type, status, source_info, metadata)
VALUES (CAST(:id AS uuid), :batch_type, 'pending', CAST(:source_info AS jsonb), CAST(:metadata AS jsonb));

-- name: set_total
-- All items of a waiting batch are stored.
UPDATE {schema}.import_batches SET total = :total WHERE id = CAST(:id AS uuid) AND status = 'pending';

-- name: claim_batch
-- Take a batch with stored items that nobody works on and that is not at its end.
UPDATE {schema}.import_batches b
SET status = 'processing', stop_reason = NULL, error_message = NULL, completed_at = NULL, fingerprint = :fingerprint,
    started_at = COALESCE(b.started_at, pg_catalog.clock_timestamp()),
    claim_from = b.next_index, claim_to = b.next_index + :chunk_size, claim_attempts = b.claim_attempts + 1,
    retry_count = b.retry_count + CASE WHEN b.status = 'pending' THEN 0 ELSE 1 END,
    lease_token = CAST(:token AS uuid),
    lease_expires_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s)
WHERE b.id = CAST(:id AS uuid) AND b.total IS NOT NULL
  AND (b.status = 'pending'
       OR b.status = 'failed' AND b.total > b.completed + b.failed + b.skipped
       OR b.status = 'processing' AND b.lease_expires_at < pg_catalog.clock_timestamp())
RETURNING b.next_index, b.metadata, b.completed, b.failed, b.skipped, b.inserted, b.updated, b.unchanged,
          pg_catalog.to_char(b.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS started;

-- name: set_metadata
-- What hooks want to be remembered with the batch.
UPDATE {schema}.import_batches SET metadata = metadata || CAST(:metadata AS jsonb) WHERE id = CAST(:id AS uuid);

-- name: finish
-- The end of a batch, by its owner. The total of a source is known when it has ended, of stored items from the start.
UPDATE {schema}.import_batches
SET status = :status, stop_reason = :stop_reason, error_message = :error_message,
    total = CASE WHEN :ended THEN completed + failed + skipped ELSE total END,
    source_info = source_info || CAST(:source_info AS jsonb),
    claim_from = NULL, claim_to = NULL, lease_token = NULL, lease_expires_at = NULL,
    completed_at = pg_catalog.clock_timestamp()
WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid) AND status = 'processing'
  AND pg_catalog.current_setting('ri.transaction', true) = 'open';

-- name: log
-- One line of a batch's log.
INSERT INTO {schema}.import_logs (batch_id, item_id, log_level, message, details)
VALUES (CAST(:batch_id AS uuid), CAST(:item_id AS uuid), :log_level, :message, CAST(:details AS jsonb));

-- name: dismiss
-- Failed items that need no attention any more: named ones, or all of the batch.
UPDATE {schema}.import_batch_items i
SET metadata = COALESCE(i.metadata, '{{}}') || pg_catalog.jsonb_build_object('dismissed', pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
        'at', pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'reason', CAST(:reason AS text))))
WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.status = 'failed' AND (i.metadata -> 'dismissed') IS NULL
  AND (CAST(:items AS text[]) IS NULL OR i.id::text = ANY (CAST(:items AS text[])));

-- name: dismiss_batch
-- A batch that stopped early, or waits, and needs no attention any more.
UPDATE {schema}.import_batches b
SET metadata = b.metadata || pg_catalog.jsonb_build_object('dismissed', pg_catalog.jsonb_strip_nulls(
        pg_catalog.jsonb_build_object('reason', CAST(:reason AS text))))
WHERE b.id = CAST(:batch_id AS uuid) AND b.status IN ('failed', 'pending');
