SELECT a.pid, a.state
FROM pg_catalog.pg_stat_activity AS a
WHERE a.application_name OPERATOR(pg_catalog.=) $1::pg_catalog.text
ORDER BY a.pid
