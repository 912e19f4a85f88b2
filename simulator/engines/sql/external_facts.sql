-- Who this connection is, and what it may do. `powerful`: can become somebody who reads and writes files or starts
-- programs on the server's machine; before version 16 a role that creates roles can make itself so.
SELECT
    current_user::text AS role,
    current_database()::text AS database,
    current_setting('is_superuser') = 'on' AS superuser,
    EXISTS (
        SELECT FROM pg_roles
        WHERE (rolsuper OR rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files'))
            AND pg_has_role(current_user, oid, 'MEMBER')
    ) OR (
        current_setting('server_version_num')::int < 160000
        AND (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user)
    ) AS powerful,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS read_only
