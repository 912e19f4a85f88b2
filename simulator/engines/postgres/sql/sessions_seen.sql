-- Our sessions ($1) with their locks, a row a session. SIRead locks outlive their transaction, and connections are used
-- again: only those on the run's relations ($2 is its schema) count. Relations of another schema carry its name.
WITH ours AS MATERIALIZED (
    SELECT l.*,
           CASE WHEN n.nspname OPERATOR(pg_catalog.=) $2::pg_catalog.name THEN c.relname::pg_catalog.text
                WHEN l.relation IS NOT NULL THEN l.relation::pg_catalog.regclass::pg_catalog.text END AS named,
           t.relname AS of_table,
           coalesce(n.nspname OPERATOR(pg_catalog.=) $2::pg_catalog.name, false) AS of_run
    FROM pg_catalog.pg_locks AS l
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) l.relation
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid OPERATOR(pg_catalog.=) l.relation
    LEFT JOIN pg_catalog.pg_class AS t ON t.oid OPERATOR(pg_catalog.=) i.indrelid
    WHERE l.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])
    LIMIT 2000
)
SELECT a.pid,
       a.state,
       a.backend_xid,
       a.backend_xmin,
       CASE WHEN a.state OPERATOR(pg_catalog.=) 'active'
            THEN pg_catalog.pg_blocking_pids(a.pid)
                OPERATOR(pg_catalog.||) pg_catalog.pg_safe_snapshot_blocking_pids(a.pid) END,
       (SELECT pg_catalog.json_agg(pg_catalog.row_to_json(o)) FROM ours AS o
        WHERE o.pid OPERATOR(pg_catalog.=) a.pid AND (o.of_run OR o.mode OPERATOR(pg_catalog.<>) 'SIReadLock'))
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])
