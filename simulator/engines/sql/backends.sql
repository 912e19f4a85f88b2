SELECT pid,
       state,
       CASE WHEN state = 'active' AND wait_event_type IN ('Lock', 'LWLock', 'IPC', 'IO', 'BufferPin')
            THEN wait_event_type || '/' || wait_event END,
       CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) END
FROM pg_stat_activity
WHERE pid = ANY(%s)
