-- Whether a role ($1) may do in this database what runs need: on most servers everybody may.
SELECT pg_catalog.has_database_privilege($1::pg_catalog.name, pg_catalog.current_database(), 'CONNECT')
    AND pg_catalog.has_database_privilege($1::pg_catalog.name, pg_catalog.current_database(), 'TEMPORARY')
