-- For each of our sessions that waits: who must go first, and the lock it waits for.
-- pg_lock_status is what the view pg_locks reads; without the view and a join the plan is made in half the time.
SELECT s.pid,
       pg_blocking_pids(s.pid) AS blockers,
       pg_safe_snapshot_blocking_pids(s.pid) AS snapshot_blockers,
       l.locktype,
       l.mode,
       coalesce(l.transactionid::text, l.relation::regclass::text, l.objid::text, '') AS object,
       coalesce(l.waitstart::text, '') AS waitstart
FROM unnest($1::int[]) AS s(pid)
LEFT JOIN pg_lock_status() AS l ON l.pid = s.pid AND NOT l.granted
