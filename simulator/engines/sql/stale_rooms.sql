-- Schemas of runs, by the number of the process that made them.
SELECT nspname
FROM pg_namespace
WHERE nspname LIKE 'txscope\_run\_%' AND pg_has_role(nspowner, 'USAGE')
