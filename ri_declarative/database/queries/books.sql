-- name: batches
-- Batches, newest first: one, those of a pipeline, or the newest of each pipeline.
SELECT b.*, EXTRACT(EPOCH FROM COALESCE(b.completed_at, pg_catalog.clock_timestamp()) - b.started_at)::double precision AS duration_s,
       (SELECT pg_catalog.count(*) FROM {schema}.import_batch_items i WHERE i.batch_id = b.id AND i.status = 'pending') AS pending
FROM {schema}.import_batches b
WHERE (CAST(:id AS uuid) IS NULL OR b.id = CAST(:id AS uuid))
  AND (CAST(:batch_type AS text) IS NULL OR b.batch_type = CAST(:batch_type AS text))
  AND (NOT :newest_of_each OR b.id IN (SELECT DISTINCT ON (batch_type) id FROM {schema}.import_batches
                                       ORDER BY batch_type, created_at DESC, id))
ORDER BY b.created_at DESC, b.id
LIMIT :limit;

-- name: batches_like
-- Ids that begin with a prefix.
SELECT id::text FROM {schema}.import_batches WHERE id::text LIKE CAST(:prefix AS text) || '%' ORDER BY created_at DESC LIMIT 6;

-- name: newest_batch
-- What `last` names.
SELECT id::text FROM {schema}.import_batches ORDER BY created_at DESC, id LIMIT 1;

-- name: problem_groups
-- The problems of a batch by status, code and field, biggest first, each with its first example.
SELECT g.code, g.field, g.status, g.count, e.source_line AS example_line, e.message AS example_message
FROM (SELECT p.code, p.field, i.status, pg_catalog.count(*) AS count, pg_catalog.min(i.item_index) AS first
      FROM {schema}.import_batch_items i
      CROSS JOIN LATERAL pg_catalog.jsonb_to_recordset(i.problems) AS p (code text, field text)
      WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.status IN ('failed', 'skipped')
      GROUP BY 1, 2, 3) AS g
CROSS JOIN LATERAL (
      SELECT i.source_line, p.message
      FROM {schema}.import_batch_items i
      CROSS JOIN LATERAL pg_catalog.jsonb_to_recordset(i.problems) AS p (code text, field text, message text)
      WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.item_index = g.first
        AND p.code = g.code AND p.field IS NOT DISTINCT FROM g.field
      LIMIT 1) AS e
ORDER BY g.status, g.count DESC, g.code, g.field;

-- name: items
-- A page of a batch's items in file order.
SELECT i.*, i.source_data::text AS source_text
FROM {schema}.import_batch_items i
WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.item_index >= :from_index
  AND (CAST(:status AS text) IS NULL OR i.status = CAST(:status AS text))
ORDER BY i.item_index
LIMIT :limit;

-- name: needs_attention
-- A page of a batch's failed items that nothing repeats and nobody dismissed.
SELECT i.*, i.source_data::text AS source_text
FROM {schema}.import_batch_items i
WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.item_index >= :from_index AND i.status = 'failed'
  AND (i.metadata -> 'dismissed') IS NULL
  AND NOT EXISTS (SELECT FROM {schema}.import_batch_items c WHERE c.parent_item_id = i.id)
ORDER BY i.item_index
LIMIT :limit;

-- name: is_owned
-- Whether a batch is being worked on: its lease has not ended.
SELECT COALESCE(b.status = 'processing' AND b.lease_expires_at > pg_catalog.clock_timestamp(), false) AS owned
FROM {schema}.import_batches b WHERE b.id = CAST(:batch_id AS uuid);

-- name: unfinished
-- Ids of batches that stopped early and can be finished, the newest first; those that a limit has stopped come last.
SELECT b.id::text FROM {schema}.import_batches b
WHERE b.status = 'failed' AND b.stop_reason <> 'abandoned' AND (b.metadata -> 'dismissed') IS NULL
  AND (b.total IS NULL OR b.total > b.completed + b.failed + b.skipped
       OR b.stop_reason NOT IN ('max_failed', 'item_failed'))
ORDER BY b.stop_reason IN ('max_failed', 'item_failed'), b.created_at DESC, b.id;

-- name: reprocess_border
-- The last index of the next page of a batch's items that might be taken again; NULL when there is none.
SELECT pg_catalog.max(p.item_index) AS last_index
FROM (SELECT i.item_index FROM {schema}.import_batch_items i
      WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.item_index >= :from_index AND i.status <> 'pending'
        AND (:all_items OR i.status = 'failed')
      ORDER BY i.item_index LIMIT :limit) AS p;

-- name: to_reprocess
-- The newest items that repeat this batch's items from one index to another: the failed ones, or all.
WITH RECURSIVE chain AS (
    SELECT i.id, i.item_index, i.source_line, i.status, i.source_data, i.metadata, i.problems
    FROM {schema}.import_batch_items i
    WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.item_index BETWEEN :from_index AND :to_index
      AND i.status <> 'pending' AND (:all_items OR i.status = 'failed')
  UNION ALL
    SELECT c.id, c.item_index, c.source_line, c.status, c.source_data, c.metadata, c.problems
    FROM chain JOIN {schema}.import_batch_items c ON c.parent_item_id = chain.id
)
SELECT i.id::text, i.item_index, i.source_line, i.source_data::text,
       COALESCE(i.metadata ->> 'source_data' = 'json_text', false) AS kept_as_text,
       CASE WHEN pg_catalog.jsonb_typeof(i.source_data) = 'string' THEN i.problems::text END AS problems
FROM chain i
WHERE NOT EXISTS (SELECT FROM {schema}.import_batch_items c WHERE c.parent_item_id = i.id)
  AND (:all_items OR (i.status = 'failed' AND (i.metadata -> 'dismissed') IS NULL))
ORDER BY i.item_index;

-- name: failing_repeats
-- The batches where records that failed in this one have failed again and still need attention, newest first.
WITH RECURSIVE chain AS (
    SELECT i.id, i.batch_id, i.status, i.metadata, i.processed_at FROM {schema}.import_batch_items i
    WHERE i.batch_id = CAST(:batch_id AS uuid) AND i.status = 'failed'
      -- asked once: most batches were never repeated, and their failed items need not be looked at
      AND EXISTS (SELECT FROM {schema}.import_batches b WHERE b.parent_batch_id = CAST(:batch_id AS uuid))
  UNION ALL
    SELECT c.id, c.batch_id, c.status, c.metadata, c.processed_at
    FROM chain JOIN {schema}.import_batch_items c ON c.parent_item_id = chain.id
)
SELECT chain.batch_id::text, pg_catalog.count(*) AS failed
FROM chain
WHERE chain.batch_id <> CAST(:batch_id AS uuid) AND chain.status = 'failed' AND (chain.metadata -> 'dismissed') IS NULL
  AND NOT EXISTS (SELECT FROM {schema}.import_batch_items c WHERE c.parent_item_id = chain.id)
GROUP BY chain.batch_id
ORDER BY pg_catalog.max(chain.processed_at) DESC, chain.batch_id;

-- name: lineage
-- The batch, what it reprocesses, and everything that reprocesses any of these, the first one first.
WITH RECURSIVE up AS (
    SELECT id, parent_batch_id FROM {schema}.import_batches WHERE id = CAST(:batch_id AS uuid)
  UNION
    SELECT b.id, b.parent_batch_id FROM {schema}.import_batches b JOIN up ON b.id = up.parent_batch_id
), down AS (
    SELECT id FROM up
  UNION
    SELECT b.id FROM {schema}.import_batches b JOIN down ON b.parent_batch_id = down.id
)
SELECT b.id::text FROM down JOIN {schema}.import_batches b ON b.id = down.id ORDER BY b.created_at, b.id;

-- name: requirement
-- Whether batches of a type have completed, and the newest one that is neither at its end nor overtaken by a completed one.
SELECT EXISTS (SELECT FROM {schema}.import_batches b WHERE b.batch_type = :batch_type AND b.status = 'completed') AS completed,
       (SELECT b.id::text FROM {schema}.import_batches b
        WHERE b.batch_type = :batch_type AND b.parent_batch_id IS NULL AND (b.metadata -> 'dismissed') IS NULL
          AND (b.status IN ('pending', 'processing')
               OR b.status = 'failed' AND (b.total IS NULL OR b.total > b.completed + b.failed + b.skipped))
          AND NOT EXISTS (SELECT FROM {schema}.import_batches later
                          WHERE later.batch_type = b.batch_type AND later.status = 'completed'
                            AND later.parent_batch_id IS NULL AND later.created_at > b.created_at
                            AND b.status = 'failed')
        ORDER BY b.created_at DESC LIMIT 1) AS unfinished;

-- name: logs
-- The log of a batch in order.
SELECT id, batch_id::text, item_id::text, log_level, message, details, created_at
FROM {schema}.import_logs WHERE batch_id = CAST(:batch_id AS uuid) ORDER BY id;
