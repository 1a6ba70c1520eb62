-- name: server
-- What a person asks first about a server that answers.
SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
       current_user::text AS role, current_database()::text AS name,
       pg_catalog.pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS read_only,
       pg_catalog.has_database_privilege(current_database(), 'TEMP') AS may_temp,
       pg_catalog.has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
       pg_catalog.to_regnamespace(pg_catalog.quote_ident(:schema)) IS NOT NULL AS has_schema,
       COALESCE(pg_catalog.has_schema_privilege(
           pg_catalog.to_regnamespace(pg_catalog.quote_ident(:schema)), 'USAGE'), false) AS may_use_schema,
       COALESCE(pg_catalog.has_schema_privilege(
           pg_catalog.to_regnamespace(pg_catalog.quote_ident(:schema)), 'CREATE'), false) AS may_create_tables,
       CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')
            THEN current_setting('data_directory') END AS data_dir,
       pg_catalog.inet_server_addr() IS NULL AS by_socket;

-- name: denied
-- What this role may not do with the bookkeeping tables, which exist.
SELECT p.verb || ' on ' || p.name AS denied
FROM (SELECT t.name, v.verb
      FROM (VALUES ('import_batches'), ('import_batch_items'), ('import_logs')) AS t (name)
      CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS v (verb)
      WHERE NOT (t.name = 'import_logs' AND v.verb = 'UPDATE')) AS p
WHERE NOT pg_catalog.has_table_privilege(pg_catalog.format('%I.%I', CAST(:schema AS text), p.name), p.verb);

-- name: clock
-- The server's time now.
SELECT pg_catalog.clock_timestamp();
