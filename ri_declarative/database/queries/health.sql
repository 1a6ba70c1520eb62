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

-- name: denied
-- What this role may not do with the bookkeeping tables; they exist.
SELECT p.verb || ' on ' || p.name AS denied
FROM (SELECT t.name, v.verb
      FROM (VALUES ('import_batches'), ('import_batch_items'), ('import_logs')) AS t (name)
      CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS v (verb)
      WHERE NOT (t.name = 'import_logs' AND v.verb = 'UPDATE')) AS p
WHERE NOT (pg_catalog.has_schema_privilege(CAST(:schema AS text), 'USAGE') AND pg_catalog.has_table_privilege(
    pg_catalog.format('%I.%I', CAST(:schema AS text), p.name), p.verb));

-- name: clock
-- The server's time at this moment.
SELECT pg_catalog.clock_timestamp();
