-- At every start, as the superuser, in the database where no tenant gets in.
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
-- A schedule may choose a deadlock's victim by choosing who looks first.
GRANT SET ON PARAMETER deadlock_timeout TO PUBLIC
