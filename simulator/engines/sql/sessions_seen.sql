-- Our sessions with their locks, a row a session. SIRead locks outlive their transaction, and connections are used
-- again: only those on this run's relations count. Relations of another schema carry its name.
WITH ours AS MATERIALIZED (
    SELECT l.*, CASE WHEN c.relnamespace = current_schema()::regnamespace THEN c.relname::text
                     WHEN l.relation IS NOT NULL THEN l.relation::regclass::text END AS named,
           t.relname AS of_table,
           c.relnamespace IS NOT DISTINCT FROM current_schema()::regnamespace AS of_run
    FROM pg_locks AS l
    LEFT JOIN pg_class AS c ON c.oid = l.relation
    LEFT JOIN pg_index AS i ON i.indexrelid = l.relation
    LEFT JOIN pg_class AS t ON t.oid = i.indrelid
    WHERE l.pid = ANY ($1::int[])
)
SELECT a.pid,
       a.state,
       a.backend_xid,
       a.backend_xmin,
       CASE WHEN a.state = 'active' THEN pg_blocking_pids(a.pid) || pg_safe_snapshot_blocking_pids(a.pid) END,
       (SELECT json_agg(row_to_json(o)) FROM ours AS o WHERE o.pid = a.pid AND (o.of_run OR o.mode <> 'SIReadLock'))
FROM pg_stat_activity AS a
WHERE a.pid = ANY ($1::int[])
