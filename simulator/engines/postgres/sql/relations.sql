-- What a run's schema holds: every relation, whether it keeps rows of its own, and how it is defined: its columns as
-- `name type` with their defaults, its constraints, what an index is on, what a view shows.
-- The rows of a partitioned table are its partitions'; an index that was not finished is told apart.
SELECT c.relname,
       c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,m}}'),
       ARRAY(
           SELECT pg_catalog.concat(
               a.attname, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END,
               ' DEFAULT ' OPERATOR(pg_catalog.||) pg_catalog.pg_get_expr(d.adbin, d.adrelid))
           FROM pg_catalog.pg_attribute AS a
           LEFT JOIN pg_catalog.pg_attrdef AS d
               ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid AND d.adnum OPERATOR(pg_catalog.=) a.attnum
           WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
           ORDER BY a.attnum
       )::pg_catalog.text OPERATOR(pg_catalog.||) ARRAY(
           SELECT pg_catalog.concat(k.conname, ' ', pg_catalog.pg_get_constraintdef(k.oid))
           FROM pg_catalog.pg_constraint AS k
           WHERE k.conrelid OPERATOR(pg_catalog.=) c.oid
           ORDER BY k.conname
       )::pg_catalog.text OPERATOR(pg_catalog.||) CASE
           WHEN c.relkind OPERATOR(pg_catalog.=) ANY ('{{i,I}}') THEN pg_catalog.pg_get_indexdef(c.oid)
           WHEN c.relkind OPERATOR(pg_catalog.=) ANY ('{{v,m}}') THEN pg_catalog.pg_get_viewdef(c.oid)
           ELSE ''
       END,
       coalesce(i.indisvalid, true)
FROM pg_catalog.pg_class AS c
LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid OPERATOR(pg_catalog.=) c.oid
WHERE c.relnamespace OPERATOR(pg_catalog.=) {schema}::pg_catalog.regnamespace::pg_catalog.oid
    AND c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,m,p,v,S,i,I}}')
ORDER BY c.relname
