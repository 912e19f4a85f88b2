-- For each of our sessions that waits: who must go first, and the lock it waits for.
-- pg_blocking_pids knows heavyweight locks; DEFERRABLE's wait for a safe snapshot is known to the other function alone.
SELECT s.pid,
       pg_blocking_pids(s.pid) AS blockers,
       pg_safe_snapshot_blocking_pids(s.pid) AS snapshot_blockers,
       l.locktype,
       l.mode,
       coalesce(l.transactionid::text, c.relname, l.objid::text, '') AS object,
       coalesce(l.waitstart::text, '') AS waitstart
FROM unnest($1::int[]) AS s(pid)
LEFT JOIN pg_locks AS l ON l.pid = s.pid AND NOT l.granted
LEFT JOIN pg_class AS c ON c.oid = l.relation
