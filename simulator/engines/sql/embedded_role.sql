-- The role that schedules log in as on the embedded server. Runs at every start, as the superuser, in one transaction:
-- a role may change its own settings, so what a visitor changed is undone here.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'txscope_lab') THEN
        CREATE ROLE txscope_lab;
    END IF;
END
$$;
ALTER ROLE txscope_lab LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL;
ALTER ROLE txscope_lab RESET ALL;
-- A deadlock is found at once, and by the session whose wait closed the cycle.
ALTER ROLE txscope_lab SET deadlock_timeout = '1ms';
-- A schedule may choose another victim by choosing who looks first.
GRANT SET ON PARAMETER deadlock_timeout TO txscope_lab;
-- Every wait is reported to the session that waits, and none of it fills the server's log.
ALTER ROLE txscope_lab SET log_lock_waits = on;
ALTER ROLE txscope_lab SET log_min_messages = panic;
ALTER ROLE txscope_lab SET lc_messages = 'C';
ALTER ROLE txscope_lab SET synchronous_commit = off;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
