SELECT pid, state FROM pg_stat_activity WHERE application_name = %s ORDER BY pid
