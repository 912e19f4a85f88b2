-- The columns of a run's tables as they lie in the heap, with their types; a dropped column keeps its place.
SELECT c.relname,
       (SELECT json_agg(json_build_array(CASE WHEN NOT a.attisdropped THEN a.attname END, a.atttypid::int)
                        ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0)
FROM pg_class AS c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
