-- Sessions of runs whose schema is still there and, where {everyone} is true and the role may look, all others that are
-- not idle. A connection that went back to its pool keeps its name: the schema tells it from one that is in use.
-- Only sessions that wait are asked for whom: pg_blocking_pids stops the lock manager for a moment.
SELECT a.pid,
       a.application_name,
       s.nspname IS NOT NULL AS ours,
       a.usename::text AS role,
       a.datname::text AS database,
       coalesce(a.state, '') AS state,
       (extract(epoch FROM clock_timestamp() - a.state_change) * 1000)::float8 AS state_ms,
       (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::float8 AS transaction_ms,
       coalesce(a.query, '') AS query,
       coalesce(a.wait_event_type, '') AS wait_event_type,
       coalesce(a.wait_event, '') AS wait_event,
       CASE a.wait_event_type WHEN 'Lock' THEN pg_blocking_pids(a.pid) END AS blockers,
       CASE a.wait_event WHEN 'SafeSnapshot' THEN pg_safe_snapshot_blocking_pids(a.pid) END AS snapshot_blockers,
       l.lock
FROM pg_stat_activity AS a
LEFT JOIN pg_namespace AS s
    ON a.application_name LIKE 'txscope\_run\_%:%' AND s.nspname = split_part(a.application_name, ':', 1)
LEFT JOIN (
    SELECT w.pid,
           w.locktype || ' ' || coalesce(w.transactionid::text, c.relname, w.objid::text, '') || ' (' || w.mode || ')'
               AS lock
    FROM pg_locks AS w
    LEFT JOIN pg_class AS c
        ON c.oid = w.relation AND w.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    WHERE NOT w.granted
) AS l ON l.pid = a.pid
WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
    AND (s.nspname IS NOT NULL
         OR ({everyone} AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
             AND a.state <> 'idle' AND a.application_name NOT LIKE 'txscope%'))
ORDER BY s.nspname, a.application_name, a.pid
LIMIT 200
