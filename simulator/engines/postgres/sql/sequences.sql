-- Where every sequence of a run's schema stands: the number that it gave last, NULL where it gave none yet.
SELECT c.relname, pg_catalog.pg_sequence_last_value(c.oid::pg_catalog.regclass)
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace OPERATOR(pg_catalog.=) {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND c.relkind OPERATOR(pg_catalog.=) 'S'
ORDER BY c.relname
