-- Throw-away roles whose process is gone: nobody holds the lock with the role's number, in whichever database, and no
-- session is left.
SELECT rolname::text
FROM pg_roles
WHERE rolname ~ '^txscope_lab_[0-9a-f]{8}$'
    AND NOT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 1415074372
            AND lpad(to_hex(objid::bigint), 8, '0') = right(rolname, 8)
    )
    AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = rolname)
