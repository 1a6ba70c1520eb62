-- A batch whose items were stored before it began has a total, and needs attention while some of them are pending.

CREATE OR REPLACE VIEW failed_imports_report AS
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
WHERE b.status = 'failed' AND (b.total IS NULL OR b.total > b.completed + b.failed + b.skipped)
  AND b.parent_batch_id IS NULL AND (b.metadata -> 'dismissed') IS NULL;
