-- What a role ($1) has in this database and on the server beside its run's schema: the same before and after each run,
-- or the run has left something. Objects and privileges (pg_shdepend), settings, memberships.
SELECT pg_catalog.concat_ws(
    '|',
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_shdepend AS d
     WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass
         AND d.refobjid OPERATOR(pg_catalog.=) r.oid),
    (SELECT pg_catalog.string_agg(
                pg_catalog.concat(s.setdatabase, s.setconfig), ',' ORDER BY s.setdatabase)
     FROM pg_catalog.pg_db_role_setting AS s WHERE s.setrole OPERATOR(pg_catalog.=) r.oid),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_auth_members AS m
     WHERE m.roleid OPERATOR(pg_catalog.=) r.oid OR m.member OPERATOR(pg_catalog.=) r.oid)
)
FROM pg_catalog.pg_roles AS r
WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
