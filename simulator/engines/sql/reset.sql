-- What DISCARD ALL does, in a form that may share its round trip with other statements.
RESET SESSION AUTHORIZATION;
RESET ALL;
CLOSE ALL;
UNLISTEN *;
DEALLOCATE ALL;
DISCARD TEMP;
SELECT pg_advisory_unlock_all();
