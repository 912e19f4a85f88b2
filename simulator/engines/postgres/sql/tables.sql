-- The tables of a run's schema ($1), with their columns, primary key, columns as they lie in the heap (a dropped one
-- keeps its place), and what the server does by itself with their rows, in the order of their creation.
SELECT c.relname,
       pg_catalog.array_to_json(ARRAY(
           SELECT a.attname FROM pg_catalog.pg_attribute AS a
           WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped
           ORDER BY a.attnum)) AS columns,
       pg_catalog.array_to_json(ARRAY(
           SELECT a.attname
           FROM pg_catalog.pg_index AS i
           CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
           JOIN pg_catalog.pg_attribute AS a
               ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.=) k.attnum
           WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisprimary
               -- behind these stand the columns that the index INCLUDEs
               AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts
           ORDER BY k.place)) AS key_columns,
       (SELECT pg_catalog.json_agg(
                   pg_catalog.json_build_array(CASE WHEN NOT a.attisdropped THEN a.attname END,
                                               a.atttypid::pg_catalog.int8)
                   ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0) AS heap,
       (SELECT pg_catalog.json_agg(
                   (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)
                    FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
                    JOIN pg_catalog.pg_attribute AS a
                        ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.=) k.attnum
                    WHERE k.place OPERATOR(pg_catalog.<=) i.indnkeyatts)
                   ORDER BY i.indexrelid)
        FROM pg_catalog.pg_index AS i
        WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisunique AND NOT i.indisprimary
            AND i.indexprs IS NULL AND i.indpred IS NULL AND NOT i.indnullsnotdistinct) AS unique_columns,
       (SELECT pg_catalog.json_agg(
                   pg_catalog.json_build_array(
                       (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)
                        FROM pg_catalog.unnest(f.conkey) WITH ORDINALITY AS k(attnum, place)
                        JOIN pg_catalog.pg_attribute AS a
                            ON a.attrelid OPERATOR(pg_catalog.=) f.conrelid
                                AND a.attnum OPERATOR(pg_catalog.=) k.attnum),
                       parent.relname,
                       (SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)
                        FROM pg_catalog.unnest(f.confkey) WITH ORDINALITY AS k(attnum, place)
                        JOIN pg_catalog.pg_attribute AS a
                            ON a.attrelid OPERATOR(pg_catalog.=) f.confrelid
                                AND a.attnum OPERATOR(pg_catalog.=) k.attnum))
                   ORDER BY f.oid)
        FROM pg_catalog.pg_constraint AS f
        JOIN pg_catalog.pg_class AS parent ON parent.oid OPERATOR(pg_catalog.=) f.confrelid
        WHERE f.conrelid OPERATOR(pg_catalog.=) c.oid AND f.contype OPERATOR(pg_catalog.=) 'f') AS foreign_keys,
       pg_catalog.to_json(pg_catalog.array_remove(ARRAY[
           CASE WHEN c.relrowsecurity THEN 'policy' END,
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r
                             WHERE r.ev_class OPERATOR(pg_catalog.=) c.oid) THEN 'rule' END,
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                             WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT t.tgisinternal) THEN 'trigger' END,
           -- What a function of the server's own does is known; only on others does anything depend.
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                             LEFT JOIN pg_catalog.pg_attrdef AS e
                                 ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass
                                     AND e.oid OPERATOR(pg_catalog.=) d.objid
                             LEFT JOIN pg_catalog.pg_constraint AS k
                                 ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
                                     AND k.oid OPERATOR(pg_catalog.=) d.objid
                             WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                                 AND (e.adrelid OPERATOR(pg_catalog.=) c.oid
                                      OR k.conrelid OPERATOR(pg_catalog.=) c.oid)) THEN 'function' END,
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_index AS i
                             WHERE i.indrelid OPERATOR(pg_catalog.=) c.oid
                                 AND (i.indisexclusion
                                      OR (i.indisunique AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
                                                             OR i.indnullsnotdistinct)))) THEN 'index' END
       ]::pg_catalog.text[], NULL)) AS hidden
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND c.relkind OPERATOR(pg_catalog.=) 'r'
ORDER BY c.oid
