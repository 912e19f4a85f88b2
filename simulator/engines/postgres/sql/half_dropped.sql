-- Databases that a killed server was dropping: nobody can connect to them any more, and they keep their names.
SELECT d.datname::pg_catalog.text
FROM pg_catalog.pg_database AS d
WHERE d.datconnlimit OPERATOR(pg_catalog.=) '-2'::pg_catalog.int4
