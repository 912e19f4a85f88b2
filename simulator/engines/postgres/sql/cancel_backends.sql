SELECT pg_catalog.pg_cancel_backend(b.pid) FROM pg_catalog.unnest($1::pg_catalog.int4[]) AS b(pid)
