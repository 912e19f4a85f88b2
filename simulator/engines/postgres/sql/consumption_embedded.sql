-- What a run's sessions ($1) take of what all share: bytes of the database, of what all databases share and of temporary
-- files, and locks.
SELECT pg_catalog.pg_database_size(pg_catalog.current_database())
           OPERATOR(pg_catalog.+) pg_catalog.pg_tablespace_size('pg_global'::pg_catalog.name)
           OPERATOR(pg_catalog.+) coalesce(
               (SELECT pg_catalog.sum(t.size) FROM pg_catalog.pg_ls_tmpdir() AS t), 0)::pg_catalog.int8,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_lock_status() AS l
        WHERE l.pid OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int4[]))
