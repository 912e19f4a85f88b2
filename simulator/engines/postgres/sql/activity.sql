-- $1, how the sessions of one run are called: those in its database, and not what waits in its pool. NULL: those of
-- others on a server that is not ours alone, where the role may see them; what their locks are on is not told.
-- Only sessions that wait are asked for whom: pg_blocking_pids stops the lock manager for a moment.
SELECT a.pid,
       a.application_name,
       $1::pg_catalog.text IS NOT NULL AS ours,
       a.usename::pg_catalog.text AS role,
       a.datname::pg_catalog.text AS database,
       coalesce(a.state, '') AS state,
       (EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.state_change)
           OPERATOR(pg_catalog.*) 1000)::pg_catalog.float8 AS state_ms,
       (EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) a.xact_start)
           OPERATOR(pg_catalog.*) 1000)::pg_catalog.float8 AS transaction_ms,
       coalesce(a.query, '') AS query,
       coalesce(a.wait_event_type, '') AS wait_event_type,
       coalesce(a.wait_event, '') AS wait_event,
       CASE WHEN a.wait_event_type OPERATOR(pg_catalog.=) 'Lock'
            THEN pg_catalog.pg_blocking_pids(a.pid) END AS blockers,
       CASE WHEN a.wait_event OPERATOR(pg_catalog.=) 'SafeSnapshot'
            THEN pg_catalog.pg_safe_snapshot_blocking_pids(a.pid) END AS snapshot_blockers,
       l.lock
FROM pg_catalog.pg_stat_activity AS a
LEFT JOIN (
    SELECT w.pid,
           pg_catalog.concat(
               w.locktype, ' ',
               coalesce(w.transactionid::pg_catalog.text, c.relname::pg_catalog.text, w.objid::pg_catalog.text, ''),
               ' (', w.mode, ')'
           ) AS lock
    FROM pg_catalog.pg_locks AS w
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) w.relation
    WHERE NOT w.granted AND $1::pg_catalog.text IS NOT NULL
) AS l ON l.pid OPERATOR(pg_catalog.=) a.pid
WHERE CASE
    WHEN $1::pg_catalog.text IS NOT NULL
    THEN a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
        AND pg_catalog.starts_with(a.application_name, $1::pg_catalog.text)
    ELSE a.backend_type OPERATOR(pg_catalog.=) 'client backend'
        AND a.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
        AND pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
        AND a.state OPERATOR(pg_catalog.<>) 'idle'
        AND NOT pg_catalog.starts_with(a.application_name, 'txscope')
    END
ORDER BY a.application_name, a.pid
LIMIT 200
