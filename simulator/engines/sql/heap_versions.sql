-- Every version in the first pages of a schema's tables, as it lies there. An id is shorter by its epoch than what
-- pg_xact_status takes; the ids below 3 are those of bootstrap and freezing.
SELECT t.name,
       p.page,
       i.lp,
       i.t_xmin,
       i.t_xmax,
       i.t_infomask,
       i.t_infomask2,
       array_to_json(i.t_attrs),
       txscope_inspect.status(i.t_xmin),
       CASE WHEN i.t_infomask & 4096 = 0 THEN txscope_inspect.status(i.t_xmax) END,
       CASE WHEN i.t_infomask & 4096 <> 0 AND i.t_infomask & 2048 = 0
            THEN (SELECT json_agg(json_build_array(m.xid::text, m.mode, txscope_inspect.status(m.xid)))
                  FROM pg_get_multixact_members(i.t_xmax) AS m) END
FROM unnest($2::text[]) AS t(name)
CROSS JOIN LATERAL (SELECT quote_ident($1) || '.' || quote_ident(t.name) AS relation) AS r
CROSS JOIN LATERAL generate_series(
    0, least(pg_relation_size(r.relation::regclass) / current_setting('block_size')::int, $3::int) - 1
) AS p(page)
CROSS JOIN LATERAL txscope_inspect.heap_page_item_attrs(
    txscope_inspect.get_raw_page(r.relation, p.page), r.relation::regclass
) AS i
WHERE i.lp_flags = 1
