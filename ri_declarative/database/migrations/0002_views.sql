-- What an operator reads.

CREATE VIEW import_batch_summary AS
SELECT b.id AS batch_id, b.batch_type, b.status, b.stop_reason, b.source_info ->> 'name' AS source_name,
       b.total, b.completed, b.failed, b.skipped,
       CASE WHEN b.total IS NOT NULL THEN b.total - b.completed - b.failed - b.skipped END AS pending,
       b.inserted, b.updated, b.unchanged, b.parent_batch_id, b.created_at, b.started_at, b.completed_at,
       EXTRACT(EPOCH FROM COALESCE(b.completed_at, clock_timestamp()) - b.started_at)::double precision AS duration_s,
       (b.completed + b.failed + b.skipped)
           / NULLIF(EXTRACT(EPOCH FROM COALESCE(b.completed_at, clock_timestamp()) - b.started_at)::double precision, 0)
           AS records_per_s
FROM import_batches b;
COMMENT ON VIEW import_batch_summary IS 'counts, duration and throughput of each batch';

-- A record is listed once, as the newest item that repeats it. A batch is listed while records of its file were not
-- read: one that reprocesses leaves what it did not reach to its parent.
CREATE VIEW failed_imports_report AS
SELECT 'item' AS kind, i.batch_id, b.batch_type, i.id AS item_id, i.source_line, i.error_message, i.problems,
       i.source_data, i.processed_at AS since
FROM import_batch_items i
JOIN import_batches b ON b.id = i.batch_id
WHERE i.status = 'failed'
  AND (i.metadata -> 'dismissed') IS NULL
  AND NOT EXISTS (SELECT FROM import_batch_items c WHERE c.parent_item_id = i.id)
UNION ALL
SELECT 'batch', b.id, b.batch_type, NULL, NULL, COALESCE(b.error_message, b.stop_reason), NULL, NULL, b.completed_at
FROM import_batches b
WHERE b.status = 'failed' AND b.total IS NULL AND b.parent_batch_id IS NULL AND (b.metadata -> 'dismissed') IS NULL;
COMMENT ON VIEW failed_imports_report IS
    'what still needs attention: failed items not repeated and not dismissed, and batches that stopped early';
