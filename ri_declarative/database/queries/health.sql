-- name: server
-- What a person asks first about a server that answers. `schema` is that of the bookkeeping tables.
SELECT pg_catalog.current_setting('server_version') AS version, pg_catalog.current_setting('server_encoding') AS encoding,
       current_user::text AS role, pg_catalog.current_database()::text AS name,
       pg_catalog.pg_is_in_recovery() AS standby,
       pg_catalog.current_setting('transaction_read_only') = 'on' AS read_only,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMP') AS may_temp,
       CASE WHEN s.oid IS NULL THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
            ELSE pg_catalog.has_schema_privilege(s.oid, 'CREATE') END AS may_migrate,
       CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') AND pg_catalog.inet_server_addr() IS NULL
            THEN pg_catalog.current_setting('data_directory') END AS data_dir
FROM (SELECT pg_catalog.to_regnamespace(pg_catalog.quote_ident(CAST(:schema AS text))) AS oid) AS s;

-- name: version_is_hidden
-- Whether the list of migrations is there, but not for us. By oid: names in a schema that we may not use are an error.
SELECT NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = CAST(:schema AS text) AND c.relname = 'import_schema_migrations';

-- name: denied
-- What this role may not do with those bookkeeping tables that are there.
SELECT 'USAGE' AS denied FROM pg_catalog.pg_namespace n
WHERE n.nspname = CAST(:schema AS text) AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
UNION ALL
(SELECT v.verb || ' on ' || c.relname
 FROM pg_catalog.pg_namespace n
 JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
 JOIN (VALUES ('import_schema_migrations', 'SELECT'),
              ('import_batches', 'SELECT'), ('import_batches', 'INSERT'), ('import_batches', 'UPDATE'),
              ('import_batch_items', 'SELECT'), ('import_batch_items', 'INSERT'), ('import_batch_items', 'UPDATE'),
              ('import_logs', 'SELECT'), ('import_logs', 'INSERT')) AS v (name, verb) ON v.name = c.relname
 WHERE n.nspname = CAST(:schema AS text) AND NOT pg_catalog.has_table_privilege(c.oid, v.verb)
 ORDER BY v.name, v.verb);

-- name: clock
-- The server's time at this moment.
SELECT pg_catalog.clock_timestamp();
