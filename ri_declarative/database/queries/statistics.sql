-- name: moment
-- The database's time, when the window of :days times 24 hours began, and whether there is any batch.
SELECT m.now, m.now - pg_catalog.make_interval(hours => 24 * CAST(:days AS int)) AS since,
       EXISTS (SELECT FROM {schema}.import_batches) AS any_batches
FROM (SELECT pg_catalog.clock_timestamp() AS now) AS m;

-- name: ended
-- The batches that ended since :since: how many, their records and seconds; for each type and, without one, for all.
SELECT b.reprocesses, b.batch_type,
       pg_catalog.count(*) FILTER (WHERE b.status = 'completed') AS completed_batches,
       pg_catalog.count(*) FILTER (WHERE b.status = 'failed') AS failed_batches,
       pg_catalog.sum(b.completed)::bigint AS completed_items,
       pg_catalog.sum(b.failed)::bigint AS failed_items,
       pg_catalog.sum(b.skipped)::bigint AS skipped_items,
       pg_catalog.sum(EXTRACT(EPOCH FROM b.completed_at - COALESCE(b.started_at, b.completed_at)))::double precision
           AS duration_s
FROM (SELECT *, parent_batch_id IS NOT NULL AS reprocesses FROM {schema}.import_batches
      WHERE status IN ('completed', 'failed') AND completed_at >= CAST(:since AS timestamptz)) AS b
GROUP BY GROUPING SETS ((b.reprocesses, b.batch_type), (b.reprocesses))
ORDER BY b.batch_type;

-- name: notable
-- Batches that nobody works on though they are processing, that nobody began, and whose records mostly failed.
SELECT n.*
FROM (SELECT CASE
          WHEN b.status = 'processing' AND (b.lease_expires_at > CAST(:now AS timestamptz)) IS NOT TRUE THEN 'stuck'
          WHEN b.status = 'pending' AND b.created_at < CAST(:now AS timestamptz) - pg_catalog.make_interval(hours => 1)
              THEN 'waiting'
          WHEN b.status IN ('completed', 'failed') AND b.completed_at >= CAST(:since AS timestamptz)
              AND 2 * b.failed > b.completed + b.failed + b.skipped THEN 'failing'
      END AS kind,
      b.id::text AS batch_id, b.batch_type, b.parent_batch_id::text AS parent_batch_id,
      b.source_info ->> 'name' AS source_name, b.completed + b.failed + b.skipped AS processed_items,
      b.failed AS failed_items,
      CASE b.status WHEN 'processing' THEN COALESCE(b.lease_expires_at, b.started_at, b.created_at)
                    WHEN 'pending' THEN b.created_at ELSE b.completed_at END AS since
      FROM {schema}.import_batches b) AS n
WHERE n.kind IS NOT NULL
ORDER BY n.since DESC, n.batch_id;
