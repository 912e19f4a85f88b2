SELECT 'database', d.datname
FROM pg_catalog.pg_database AS d
WHERE NOT d.datistemplate AND d.datname OPERATOR(pg_catalog.<>) 'postgres'
    AND d.datname::pg_catalog.text OPERATOR(pg_catalog.!~) '^txscope_[0-9]+$'
UNION ALL
SELECT 'role', r.rolname
FROM pg_catalog.pg_roles AS r
WHERE NOT r.rolsuper AND NOT pg_catalog.starts_with(r.rolname::pg_catalog.text, 'pg_')
    AND r.rolname::pg_catalog.text OPERATOR(pg_catalog.!~) '^txscope_[0-9]+$'
