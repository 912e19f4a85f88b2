-- What a role's settings were written into is shared by all databases, and nobody else gives its room back.
VACUUM (SKIP_LOCKED) pg_catalog.pg_db_role_setting, pg_catalog.pg_auth_members, pg_catalog.pg_shdepend,
    pg_catalog.pg_authid, pg_catalog.pg_database, pg_catalog.pg_shdescription
