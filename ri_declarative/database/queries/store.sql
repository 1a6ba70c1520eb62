-- name: begin_settings
-- What a transaction of ours relies on; the session's own search path stays, users' triggers need it.
SELECT pg_catalog.pg_backend_pid() AS backend_pid,
       pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', NULLIF(pg_catalog.current_setting('search_path'), ''), 'pg_temp'), true),
       pg_catalog.set_config('DateStyle', 'ISO, YMD', true), pg_catalog.set_config('TimeZone', 'UTC', true),
       pg_catalog.set_config('IntervalStyle', 'postgres', true), pg_catalog.set_config('extra_float_digits', '1', true),
       pg_catalog.set_config('bytea_output', 'hex', true), pg_catalog.set_config('array_nulls', 'on', true),
       pg_catalog.set_config('transform_null_equals', 'off', true), pg_catalog.set_config('xmloption', 'content', true),
       pg_catalog.set_config('quote_all_identifiers', 'off', true),
       pg_catalog.set_config('standard_conforming_strings', 'on', true),
       pg_catalog.set_config('ri.transaction', 'open', true),
       pg_catalog.set_config('application_name',
           COALESCE(:application_name, pg_catalog.current_setting('application_name')), true),
       pg_catalog.set_config('lock_timeout', CASE WHEN pg_catalog.current_setting('lock_timeout') = '0' THEN '30s'
                             ELSE pg_catalog.current_setting('lock_timeout') END, true),
       pg_catalog.set_config('idle_in_transaction_session_timeout', :idle, true);

-- name: is_our_transaction
-- Whether `begin_settings` began this transaction; its mark goes with it.
SELECT COALESCE(pg_catalog.current_setting('ri.transaction', true), '') = 'open' AS ours;

-- name: serialize
-- Batches of a type begin one after the other; the lock ends with the transaction.
SELECT pg_catalog.pg_advisory_xact_lock(721501032, pg_catalog.hashtext(:batch_type));

-- name: create_batch
-- A new batch that works already, owned by :token. Once more after a lost answer it is the same batch.
INSERT INTO {schema}.import_batches AS b
    (id, batch_type, status, source_info, metadata, fingerprint, parent_batch_id, claim_from, claim_to, claim_attempts,
     owner, lease_token, lease_expires_at, started_at)
VALUES
    (CAST(:id AS uuid), :batch_type, 'processing', CAST(:source_info AS jsonb), CAST(:metadata AS jsonb), :fingerprint,
     CAST(:parent_batch_id AS uuid), 0, :claim_to, 1, :owner, CAST(:token AS uuid),
     pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s), pg_catalog.clock_timestamp())
ON CONFLICT (id) DO UPDATE SET lease_expires_at = excluded.lease_expires_at WHERE b.lease_token = excluded.lease_token
RETURNING pg_catalog.to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS started_at;

-- name: lock_batch
-- A batch that is to be taken, kept from others until the transaction ends.
SELECT b.id::text, b.status, b.stop_reason, b.total, b.next_index, b.metadata, b.read_digest, b.fingerprint,
       b.completed, b.failed, b.skipped, b.inserted, b.updated, b.unchanged,
       b.claim_from, b.claim_to, b.claim_attempts, b.claim_suspect, b.begun_by IS NOT NULL AS begun
FROM {schema}.import_batches b WHERE b.id = CAST(:id AS uuid) FOR UPDATE;

-- name: take_batch
-- A locked batch gets an owner, who goes on where it stopped.
UPDATE {schema}.import_batches b
SET status = 'processing', stop_reason = NULL, error_message = NULL, completed_at = NULL, fingerprint = :fingerprint,
    started_at = COALESCE(b.started_at, pg_catalog.clock_timestamp()),
    source_info = b.source_info || CAST(:source_info AS jsonb), metadata = b.metadata - 'dismissed',
    claim_from = b.next_index, claim_to = :claim_to, claim_attempts = :claim_attempts, claim_suspect = :claim_suspect,
    retry_count = b.retry_count + CASE WHEN b.status = 'pending' THEN 0 ELSE 1 END,
    begun_by = NULL, owner = :owner, lease_token = CAST(:token AS uuid),
    lease_expires_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s)
WHERE b.id = CAST(:id AS uuid) AND b.status IN ('pending', 'failed')
RETURNING pg_catalog.to_char(b.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS started_at;

-- name: being_worked_on
-- The batches of a type that somebody works on, the oldest first. One that `rescue` could not have counts, too.
SELECT b.id::text AS batch_id, b.owner, b.source_info ->> 'name' AS source_name, b.source_info ->> 'sha256' AS sha256,
       b.parent_batch_id::text AS parent_batch_id, b.lease_token::text AS token
FROM {schema}.import_batches b
WHERE b.batch_type = :batch_type AND b.status = 'processing'
ORDER BY b.created_at, b.id;

-- name: same_content
-- The batches that read the same bytes, the newest first.
SELECT b.id::text AS batch_id, b.status, b.stop_reason, b.completed_at
FROM {schema}.import_batches b
WHERE b.batch_type = :batch_type AND b.source_info ->> 'sha256' = :sha256 AND b.parent_batch_id IS NULL
  AND b.status IN ('completed', 'failed')
ORDER BY b.created_at DESC, b.id;

-- name: same_repetition
-- The batches that took the same records of another one again, in the same manner, the newest first.
SELECT b.id::text AS batch_id, b.status, b.stop_reason, b.completed_at
FROM {schema}.import_batches b
WHERE b.parent_batch_id = CAST(:parent_batch_id AS uuid) AND b.status IN ('completed', 'failed')
  AND b.source_info -> 'repetition' = CAST(:repetition AS jsonb)
ORDER BY b.created_at DESC, b.id;

-- name: begin
-- Work on records begins: from here on a runner that dies may have been killed by one of them.
UPDATE {schema}.import_batches
SET begun_by = lease_token, lease_expires_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s)
WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid) AND status = 'processing'
  AND begun_by IS DISTINCT FROM lease_token AND pg_catalog.current_setting('ri.transaction', true) = 'open';

-- name: advance
-- The fence: books a chunk and claims the next one, only for the owner and only once.
UPDATE {schema}.import_batches
SET next_index = :new_index, read_digest = :read_digest,
    claim_from = :new_index, claim_to = :claim_to, claim_attempts = :claim_attempts, claim_suspect = :claim_suspect,
    completed = completed + :completed, failed = failed + :failed, skipped = skipped + :skipped,
    inserted = inserted + :inserted, updated = updated + :updated, unchanged = unchanged + :unchanged,
    lease_expires_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s)
WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid) AND next_index = :old_index
  AND status = 'processing' AND pg_catalog.current_setting('ri.transaction', true) = 'open';

-- name: renew
-- The owner is alive. Also whether the server still knows the process that works for it; 0: none does.
UPDATE {schema}.import_batches
SET lease_expires_at = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => :lease_s)
WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid) AND status = 'processing'
RETURNING :pid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = :pid) AS connected;

-- name: standing
-- What of a batch its owner must know after a lost answer: what was committed. Waits for the lost transaction to end.
SELECT b.next_index, b.status, b.stop_reason, b.lease_token::text, b.begun_by::text
FROM {schema}.import_batches b WHERE b.id = CAST(:id AS uuid) FOR UPDATE;

-- name: rescue
-- Batches whose runner is gone are stopped ones; the claim stays, so that the next owner knows what was worked on.
-- A runner that sleeps in the midst of COPY is no idle one to the server: its session, and with it its locks, ends here.
WITH dead AS (
    SELECT b.id FROM {schema}.import_batches b
    WHERE b.status = 'processing' AND b.lease_expires_at < pg_catalog.clock_timestamp()
    FOR UPDATE SKIP LOCKED
), ended AS (
    SELECT pg_catalog.pg_terminate_backend(a.pid) AS ended
    FROM dead JOIN pg_catalog.pg_stat_activity a ON a.application_name = 'ri ' || dead.id::text
    WHERE a.usename = CURRENT_USER AND a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
)
UPDATE {schema}.import_batches b
SET status = 'failed', stop_reason = 'lost', completed_at = pg_catalog.clock_timestamp(), lease_token = NULL,
    lease_expires_at = NULL, error_message = pg_catalog.concat('the runner ', '(' || b.owner || ') ', 'is gone')
FROM dead WHERE b.id = dead.id
RETURNING b.id::text, (SELECT pg_catalog.count(*) FROM ended) AS ended;

-- name: abandon
-- A batch that nobody will finish, and that needs no attention any more.
UPDATE {schema}.import_batches b
SET status = 'failed', stop_reason = 'abandoned', lease_token = NULL, lease_expires_at = NULL,
    completed_at = COALESCE(b.completed_at, pg_catalog.clock_timestamp()),
    metadata = b.metadata || pg_catalog.jsonb_build_object('dismissed', pg_catalog.jsonb_strip_nulls(
        pg_catalog.jsonb_build_object('reason', CAST(:reason AS text))))
WHERE b.id = CAST(:id AS uuid) AND b.status IN ('pending', 'processing', 'failed')
  AND (b.status <> 'processing' OR b.lease_expires_at < pg_catalog.clock_timestamp())
RETURNING b.id::text;

-- name: create_pending
-- A batch that waits to be processed.
INSERT INTO {schema}.import_batches (id, batch_type, status, source_info, metadata)
VALUES (CAST(:id AS uuid), :batch_type, 'pending', CAST(:source_info AS jsonb), CAST(:metadata AS jsonb));

-- name: set_total
-- All items of a waiting batch are stored.
UPDATE {schema}.import_batches SET total = :total WHERE id = CAST(:id AS uuid) AND status = 'pending';

-- name: set_metadata
-- What hooks want to be remembered with the batch.
UPDATE {schema}.import_batches SET metadata = metadata || CAST(:metadata AS jsonb) WHERE id = CAST(:id AS uuid);

-- name: finish
-- The end of a batch, by its owner. The total of a source is known when it has ended, of stored items from the start.
UPDATE {schema}.import_batches
SET status = :status, stop_reason = :stop_reason, error_message = :error_message,
    total = CASE WHEN :ended AND total IS NULL THEN completed + failed + skipped ELSE total END,
    source_info = source_info || CAST(:source_info AS jsonb),
    claim_from = NULL, claim_to = NULL, claim_attempts = 0, claim_suspect = 0, lease_token = NULL, lease_expires_at = NULL,
    completed_at = pg_catalog.clock_timestamp()
WHERE id = CAST(:id AS uuid) AND lease_token = CAST(:token AS uuid) AND status = 'processing'
  AND (CAST(:next_index AS bigint) IS NULL OR next_index = CAST(:next_index AS bigint))
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
