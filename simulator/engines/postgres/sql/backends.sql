SELECT a.pid,
       a.state,
       CASE WHEN a.state OPERATOR(pg_catalog.=) 'active'
                AND a.wait_event_type OPERATOR(pg_catalog.=) ANY (ARRAY['Lock', 'LWLock', 'IPC', 'IO', 'BufferPin'])
            THEN pg_catalog.concat(a.wait_event_type, '/', a.wait_event) END,
       CASE WHEN a.wait_event_type OPERATOR(pg_catalog.=) 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) END
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[])
