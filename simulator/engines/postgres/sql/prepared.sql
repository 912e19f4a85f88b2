-- Prepared transactions of this database that belong to a role ($1, where it is there for runs alone) or carry the name of
-- one of these runs ($2). While they are there, so are their locks, and nobody can drop the database.
SELECT p.gid
FROM pg_catalog.pg_prepared_xacts AS p
WHERE p.database OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND (p.owner OPERATOR(pg_catalog.=) $1::pg_catalog.name
        OR pg_catalog.split_part(p.gid, ':', 1) OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.text[]))
