-- Schemas and roles that carry the number of a process, schemas first: a role may own what is in one.
SELECT 'schema', n.nspname::pg_catalog.text
FROM pg_catalog.pg_namespace AS n
WHERE pg_catalog.starts_with(n.nspname::pg_catalog.text, 'txscope_run_')
    AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
UNION ALL
SELECT 'role', r.rolname::pg_catalog.text
FROM pg_catalog.pg_roles AS r
WHERE pg_catalog.starts_with(r.rolname::pg_catalog.text, 'txscope_lab_')
ORDER BY 1 DESC, 2
