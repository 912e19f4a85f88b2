-- What a run's sessions ($1) take of what all share: bytes of the database, and locks.
SELECT pg_catalog.pg_database_size(pg_catalog.current_database()),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_lock_status() AS l
        WHERE l.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[]))
