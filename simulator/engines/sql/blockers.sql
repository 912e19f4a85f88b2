-- Which of our sessions wait at all: asked often, so nothing more is asked.
-- pg_blocking_pids knows heavyweight locks; DEFERRABLE's wait for a safe snapshot is known to the other function alone.
SELECT s.pid
FROM unnest($1::int[]) AS s(pid)
WHERE cardinality(pg_blocking_pids(s.pid)) > 0 OR cardinality(pg_safe_snapshot_blocking_pids(s.pid)) > 0
