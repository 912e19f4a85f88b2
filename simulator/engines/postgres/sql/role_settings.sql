-- Databases for which this role ($1) has settings, NULL for those in every database; memberships as (role, member).
SELECT d.datname, NULL AS role, NULL AS member
FROM pg_catalog.pg_db_role_setting AS s
JOIN pg_catalog.pg_roles AS r ON r.oid OPERATOR(pg_catalog.=) s.setrole
LEFT JOIN pg_catalog.pg_database AS d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
WHERE r.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name
UNION ALL
SELECT NULL, g.rolname, u.rolname
FROM pg_catalog.pg_auth_members AS m
JOIN pg_catalog.pg_roles AS g ON g.oid OPERATOR(pg_catalog.=) m.roleid
JOIN pg_catalog.pg_roles AS u ON u.oid OPERATOR(pg_catalog.=) m.member
WHERE (g.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name OR u.rolname OPERATOR(pg_catalog.=) $1::pg_catalog.name)
    AND u.rolname OPERATOR(pg_catalog.<>) current_user
