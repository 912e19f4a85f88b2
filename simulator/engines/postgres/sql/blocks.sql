-- For each of our sessions that waits: who must go first, and the lock it waits for. $2 is the run's schema.
-- pg_lock_status is what the view pg_locks reads.
SELECT s.pid,
       pg_catalog.pg_blocking_pids(s.pid) AS blockers,
       pg_catalog.pg_safe_snapshot_blocking_pids(s.pid) AS snapshot_blockers,
       l.locktype,
       l.mode,
       coalesce(
           l.transactionid::pg_catalog.text,
           CASE WHEN n.nspname OPERATOR(pg_catalog.=) $2::pg_catalog.name THEN c.relname::pg_catalog.text END,
           l.relation::pg_catalog.regclass::pg_catalog.text,
           l.objid::pg_catalog.text,
           ''
       ) AS object,
       coalesce(l.waitstart::pg_catalog.text, '') AS waitstart
FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS s(pid)
LEFT JOIN pg_catalog.pg_lock_status() AS l ON l.pid OPERATOR(pg_catalog.=) s.pid AND NOT l.granted
LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) l.relation
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
