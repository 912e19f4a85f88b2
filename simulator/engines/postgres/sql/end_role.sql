-- End every session of a role ($1), and wait until it is gone.
SELECT pg_catalog.pg_terminate_backend(a.pid, 1000)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.usename OPERATOR(pg_catalog.=) $1::pg_catalog.name AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
