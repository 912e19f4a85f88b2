SELECT pg_catalog.pg_terminate_backend(a.pid, 2000)
FROM pg_catalog.pg_stat_activity AS a
WHERE pg_catalog.starts_with(a.application_name, $1::pg_catalog.text) AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
