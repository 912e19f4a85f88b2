-- Schemas of this database that are there for a role's ($1) runs: on a server of ours all that are not the system's, on
-- another's those that the role may create in.
SELECT n.nspname
FROM pg_catalog.pg_namespace AS n
WHERE pg_catalog.starts_with(n.nspname::pg_catalog.text, 'txscope_run_')
        AND pg_catalog.has_schema_privilege($1::pg_catalog.name, n.oid, 'CREATE')
    OR n.nspowner OPERATOR(pg_catalog.=)
        (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name)
        AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')
