VACUUM (ANALYZE, SKIP_LOCKED) pg_catalog.pg_class, pg_catalog.pg_attribute, pg_catalog.pg_type, pg_catalog.pg_depend,
    pg_catalog.pg_shdepend, pg_catalog.pg_index, pg_catalog.pg_constraint, pg_catalog.pg_attrdef, pg_catalog.pg_namespace,
    pg_catalog.pg_sequence, pg_catalog.pg_statistic, pg_catalog.pg_trigger, pg_catalog.pg_proc, pg_catalog.pg_rewrite,
    pg_catalog.pg_inherits, pg_catalog.pg_init_privs
