-- A look into heap pages, for the privileged side alone, in a tenant's database.
CREATE SCHEMA IF NOT EXISTS txscope_inspect;
REVOKE ALL ON SCHEMA txscope_inspect FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS pageinspect SCHEMA txscope_inspect;
-- An id in a heap page has 32 bits; its distance to the newest id that ended, less than half of them either way, gives
-- it its epoch. A transaction that goes on can have a newer one.
CREATE OR REPLACE FUNCTION txscope_inspect.status(id pg_catalog.xid) RETURNS pg_catalog.text
LANGUAGE sql STABLE SET search_path = pg_catalog
AS $$
SELECT CASE
    WHEN id::text = '0' THEN NULL
    WHEN id::text::bigint < 3 THEN 'committed'
    ELSE pg_xact_status((newest + ((id::text::bigint - newest + 2147483648) & 4294967295) - 2147483648)::text::xid8)
END
FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint) AS now(newest)
$$
