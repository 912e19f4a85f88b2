SELECT pg_catalog.pg_terminate_backend(b.pid) FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS b(pid)
