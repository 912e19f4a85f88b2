-- Which of our sessions wait at all: asked often, so nothing more is asked.
-- pg_blocking_pids knows heavyweight locks; DEFERRABLE's wait for a safe snapshot is known to the other function alone.
SELECT s.pid
FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS s(pid)
WHERE pg_catalog.cardinality(pg_catalog.pg_blocking_pids(s.pid)) OPERATOR(pg_catalog.>) 0
    OR pg_catalog.cardinality(pg_catalog.pg_safe_snapshot_blocking_pids(s.pid)) OPERATOR(pg_catalog.>) 0
