SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE starts_with(application_name, %s) AND pid <> pg_backend_pid()
