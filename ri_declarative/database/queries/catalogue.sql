-- name: relation
-- The relation a pipeline names: by schema and name, or by name along the search path.
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       pg_catalog.row_security_active(c.oid) AS row_security, c.relhasrules AS has_rules,
       c.relkind = 'r' AND c.relhassubclass AS has_children,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable,
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
           OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AS can_select,
       pg_catalog.has_any_column_privilege(c.oid, 'INSERT') AS can_insert,
       pg_catalog.has_any_column_privilege(c.oid, 'UPDATE') AS can_update
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f', 'm')
  AND c.relname = CAST(:name AS text)
  AND (n.nspname = CAST(:schema AS text)
       OR (CAST(:schema AS text) IS NULL AND n.nspname = ANY (pg_catalog.current_schemas(false))))
ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname)
LIMIT 1;

-- name: relation_names
-- Every table and view a pipeline could have meant, for "did you mean".
SELECT CASE WHEN CAST(:schema AS text) IS NULL THEN c.relname ELSE n.nspname || '.' || c.relname END AS name
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
ORDER BY 1
LIMIT 5000;

-- name: columns
-- The columns of a relation, domains resolved to their base type.
WITH RECURSIVE base AS (
    SELECT a.attnum, a.attname, a.atttypid AS typid, a.atttypmod AS typmod, a.attnotnull AS not_null,
           a.attidentity, a.attgenerated, a.attcollation, false AS domain, NULL::text COLLATE "C" AS domain_default
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attnum, b.attname, t.typbasetype, t.typtypmod, b.not_null OR t.typnotnull,
           b.attidentity, b.attgenerated, b.attcollation, true,
           COALESCE(b.domain_default, pg_catalog.pg_get_expr(t.typdefaultbin, 0))
    FROM base b
    JOIN pg_catalog.pg_type t ON t.oid = b.typid
    WHERE t.typtype = 'd'
)
SELECT b.attnum AS number, b.attname AS name, b.typid AS type_oid, b.typmod, b.not_null, b.domain,
       tn.nspname AS type_schema, t.typname AS type_name, t.typtype AS type_kind, t.typcategory AS type_category,
       pg_catalog.format_type(b.typid, b.typmod) AS type_text,
       b.attidentity AS identity, b.attgenerated AS generated,
       COALESCE((SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
                 FROM pg_catalog.pg_attrdef d
                 WHERE d.adrelid = :oid AND d.adnum = b.attnum AND b.attgenerated = ''), b.domain_default) AS default_sql,
       CASE WHEN b.attidentity <> ''
            THEN pg_catalog.pg_get_serial_sequence(
                     (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
                      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                      WHERE c.oid = :oid), b.attname)
       END AS identity_sequence,
       co.collname AS collation_name, con.nspname AS collation_schema,
       COALESCE(NOT co.collisdeterministic, false) AS nondeterministic,
       (SELECT pg_catalog.min(s.relname) FROM pg_catalog.pg_attrdef d
                   JOIN pg_catalog.pg_depend r ON r.classid = 'pg_catalog.pg_attrdef'::regclass AND r.objid = d.oid
                   JOIN pg_catalog.pg_class s ON r.refclassid = 'pg_catalog.pg_class'::regclass AND s.oid = r.refobjid
                   WHERE d.adrelid = :oid AND d.adnum = b.attnum
                     AND CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, 'USAGE, UPDATE')
                         ELSE false END) AS denied_sequence,
       (SELECT pg_catalog.array_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid)::text[] AS labels,
       et.typname AS element_name, etn.nspname AS element_schema, et.typtype AS element_kind,
       (SELECT pg_catalog.array_agg(e.enumlabel ORDER BY e.enumsortorder)
        FROM pg_catalog.pg_enum e WHERE e.enumtypid = et.oid)::text[] AS element_labels,
       pg_catalog.has_column_privilege(:oid, b.attnum, 'SELECT') AS can_select,
       pg_catalog.has_column_privilege(:oid, b.attnum, 'INSERT') AS can_insert,
       pg_catalog.has_column_privilege(:oid, b.attnum, 'UPDATE') AS can_update
FROM base b
JOIN pg_catalog.pg_type t ON t.oid = b.typid AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_collation co ON co.oid = b.attcollation AND co.collname <> 'default'
LEFT JOIN pg_catalog.pg_namespace con ON con.oid = co.collnamespace
LEFT JOIN LATERAL (
    WITH RECURSIVE d AS (
        SELECT e.oid, e.typtype, e.typbasetype FROM pg_catalog.pg_type e WHERE e.oid = t.typelem
      UNION ALL
        SELECT e.oid, e.typtype, e.typbasetype FROM d JOIN pg_catalog.pg_type e ON e.oid = d.typbasetype
        WHERE d.typtype = 'd'
    )
    SELECT d.oid FROM d WHERE d.typtype <> 'd'
) AS element ON t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_type et ON et.oid = element.oid
LEFT JOIN pg_catalog.pg_namespace etn ON etn.oid = et.typnamespace
ORDER BY b.attnum;

-- name: indexes
-- The unique and exclusion indexes of a table, and those that only one of its partitions has.
SELECT ic.relname AS name, i.indrelid <> :oid AS of_partition,
       i.indisprimary AND i.indrelid = :oid AS is_primary, i.indisunique AS is_unique,
       i.indisvalid AND i.indisready AND i.indislive AS valid,
       i.indpred IS NOT NULL AS partial, i.indexprs IS NOT NULL AS expression, i.indimmediate AS immediate,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY k.place)
        FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE k.place <= i.indnkeyatts)::text[] AS columns
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
WHERE (i.indisunique OR i.indisexclusion)
  AND (i.indrelid = :oid
       OR i.indrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(:oid) p)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid))
ORDER BY ic.relname;

-- name: constraints
-- Check and foreign key constraints of a table; columns by name, in the constraint's order.
SELECT c.conname AS name, c.contype AS kind, c.convalidated AS validated, c.condeferrable AS deferrable,
       -- a constraint over the whole row has the number 0 among its columns: it has no list of them
       (SELECT CASE WHEN 0 = ANY (c.conkey) THEN NULL ELSE pg_catalog.array_agg(a.attname ORDER BY k.place) END
        FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number)::text[] AS columns,
       CASE WHEN c.contype = 'c' THEN pg_catalog.pg_get_expr(c.conbin, c.conrelid) END AS check_sql,
       c.confrelid = c.conrelid AS self_reference, c.confmatchtype AS match,
       fn.nspname AS foreign_schema, fc.relname AS foreign_table,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY k.place)
        FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number)::text[] AS foreign_columns,
       COALESCE(pg_catalog.has_schema_privilege(fn.oid, 'USAGE')
                AND pg_catalog.has_table_privilege(fc.oid, 'SELECT')
                AND NOT pg_catalog.row_security_active(fc.oid), false) AS foreign_readable
FROM pg_catalog.pg_constraint c
LEFT JOIN pg_catalog.pg_class fc ON fc.oid = c.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
WHERE c.conrelid = :oid AND c.contype IN ('c', 'f')
  AND COALESCE(pg_catalog.to_jsonb(c) ->> 'conenforced', 'true') = 'true'
  -- a foreign key is asked by triggers, which may be switched off
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = c.oid AND t.tgrelid = c.conrelid
                  AND t.tgenabled = ANY (CASE pg_catalog.current_setting('session_replication_role')
                                         WHEN 'replica' THEN ARRAY['D', 'O'] ELSE ARRAY['D', 'R'] END::"char"[]))
ORDER BY c.conname;

-- name: triggers
-- Whether users' triggers may rewrite a row before it is stored, and whether any runs on INSERT or UPDATE.
SELECT COALESCE(pg_catalog.bool_or(t.tgtype & 2 = 2 AND t.tgtype & 1 = 1 AND t.tgtype & 20 > 0), false) AS before_row,
       COALESCE(pg_catalog.bool_or(t.tgtype & 20 > 0), false) AS write_trigger
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = ANY (
          SELECT :oid ::oid
          UNION ALL SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(:oid) p WHERE p.relid <> :oid)
  AND NOT t.tgisinternal AND t.tgenabled <> 'D';

-- name: row_triggers
-- The users' enabled BEFORE triggers for each inserted or updated row of a table, with their functions' text.
SELECT t.tgname AS name, l.lanname AS language, p.proname AS function, p.prosrc AS source
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE t.tgrelid = :oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  AND t.tgtype & 2 = 2 AND t.tgtype & 1 = 1 AND t.tgtype & 20 > 0
ORDER BY t.tgname;

-- name: hashable
-- Whether equal values of a type hash alike: it, or what its arrays and ranges hold, has a default hash operator class.
WITH held AS (
    SELECT COALESCE(r.rngsubtype, NULLIF(CASE WHEN t.typcategory = 'A' THEN t.typelem END, 0), t.oid) AS oid
    FROM pg_catalog.pg_type t
    LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
    WHERE t.oid = :oid
)
SELECT EXISTS (
    SELECT FROM held
    JOIN pg_catalog.pg_opclass o ON o.opcdefault
    JOIN pg_catalog.pg_am am ON am.oid = o.opcmethod AND am.amname = 'hash'
    WHERE o.opcintype = held.oid
       OR EXISTS (SELECT FROM pg_catalog.pg_cast k
                  WHERE k.castsource = held.oid AND k.casttarget = o.opcintype AND k.castmethod = 'b'
                    AND k.castcontext = 'i'));

-- name: readiness
-- What this role and server allow, asked before anything is read.
SELECT current_user AS role, pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP') AS may_temp,
       (SELECT pg_catalog.array_agg(p.verb || ' on ' || p.name)
        FROM (SELECT t.name, v.verb, pg_catalog.to_regclass(pg_catalog.format('%I.%I', CAST(:schema AS text), t.name)) AS oid
              FROM (VALUES ('import_schema_migrations', 'SELECT'), ('import_logs', 'SELECT INSERT'),
                           ('import_batches', 'SELECT INSERT UPDATE'), ('import_batch_items', 'SELECT INSERT UPDATE'))
                   AS t (name, verbs)
              CROSS JOIN LATERAL pg_catalog.regexp_split_to_table(t.verbs, ' ') AS v (verb)) AS p
        WHERE p.oid IS NOT NULL AND NOT pg_catalog.has_table_privilege(p.oid, p.verb))::text[] AS denied;

-- name: defer_again
-- The statement that defers what is deferred from the start; empty when nothing is.
SELECT COALESCE('SET CONSTRAINTS ' || pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname), ', ')
                || ' DEFERRED', '') AS statement
FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace
WHERE c.condeferred AND c.conrelid <> 0 AND NOT n.nspname LIKE 'pg\_temp\_%';
