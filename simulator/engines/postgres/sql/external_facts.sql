-- Who this connection is, and what it may do. `powerful`: can become somebody who reads and writes files or starts
-- programs on the server's machine; before version 16 a role that creates roles can make itself so.
SELECT
    current_user::pg_catalog.text AS role,
    pg_catalog.current_database()::pg_catalog.text AS database,
    me.rolsuper AS superuser,
    EXISTS (
        SELECT FROM pg_catalog.pg_roles AS r
        WHERE (r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) ANY (
                  ARRAY['pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files']::pg_catalog.name[]))
            AND pg_catalog.pg_has_role(me.oid, r.oid, 'MEMBER')
    ) OR (
        pg_catalog.current_setting('server_version_num')::pg_catalog.int4 OPERATOR(pg_catalog.<) 160000
        AND me.rolcreaterole
    ) AS powerful,
    me.rolsuper OR me.rolcreaterole AS makes_roles,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
    pg_catalog.pg_is_in_recovery()
        OR pg_catalog.current_setting('default_transaction_read_only') OPERATOR(pg_catalog.=) 'on' AS read_only
FROM pg_catalog.pg_roles AS me
WHERE me.rolname OPERATOR(pg_catalog.=) current_user
