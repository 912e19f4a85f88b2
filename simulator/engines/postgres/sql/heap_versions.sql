-- Every version in the first pages of plain tables of a schema ($1, tables $2), as it lies there. An id is shorter by its
-- epoch than what pg_xact_status takes; the ids below 3 are those of bootstrap and freezing.
SELECT t.name,
       p.page,
       i.lp,
       i.t_xmin,
       i.t_xmax,
       i.t_infomask,
       i.t_infomask2,
       pg_catalog.array_to_json(i.t_attrs),
       txscope_inspect.status(i.t_xmin),
       CASE WHEN i.t_infomask OPERATOR(pg_catalog.&) 4096 OPERATOR(pg_catalog.=) 0
            THEN txscope_inspect.status(i.t_xmax) END,
       CASE WHEN i.t_infomask OPERATOR(pg_catalog.&) 4096 OPERATOR(pg_catalog.<>) 0
                AND i.t_infomask OPERATOR(pg_catalog.&) 2048 OPERATOR(pg_catalog.=) 0
            THEN (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                             m.xid::pg_catalog.text, m.mode, txscope_inspect.status(m.xid)))
                  FROM pg_catalog.pg_get_multixact_members(i.t_xmax) AS m) END
FROM pg_catalog.unnest($2::pg_catalog.text[]) AS t(name)
JOIN pg_catalog.pg_class AS c
    ON c.relname OPERATOR(pg_catalog.=) t.name::pg_catalog.name AND c.relkind OPERATOR(pg_catalog.=) 'r'
JOIN pg_catalog.pg_namespace AS n
    ON n.oid OPERATOR(pg_catalog.=) c.relnamespace AND n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name
CROSS JOIN LATERAL pg_catalog.generate_series(
    0::pg_catalog.int8,
    least(pg_catalog.pg_relation_size(c.oid)
              OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8, $3::pg_catalog.int8)
        OPERATOR(pg_catalog.-) 1::pg_catalog.int8
) AS p(page)
CROSS JOIN LATERAL txscope_inspect.heap_page_item_attrs(
    txscope_inspect.get_raw_page(c.oid::pg_catalog.regclass::pg_catalog.text, p.page), c.oid::pg_catalog.regclass
) AS i
WHERE i.lp_flags OPERATOR(pg_catalog.=) 1
