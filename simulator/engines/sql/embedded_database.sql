-- The database is for schedules alone.
REVOKE ALL ON DATABASE txscope FROM PUBLIC;
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE txscope TO txscope_lab;
