-- The tables of a run's schema, with their columns and primary key, in the order of their creation.
SELECT c.relname,
       array_to_json(ARRAY(SELECT a.attname FROM pg_attribute AS a
                           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                           ORDER BY a.attnum)) AS columns,
       array_to_json(ARRAY(SELECT a.attname
                           FROM pg_index AS i
                           CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
                           JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
                           WHERE i.indrelid = c.oid AND i.indisprimary
                           ORDER BY k.place)) AS key_columns
FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
ORDER BY c.oid
