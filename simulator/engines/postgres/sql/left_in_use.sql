-- Numbers of tenants whose process has not said that it left them clean.
SELECT pg_catalog.substr(d.datname::pg_catalog.text, 9)
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_shdescription AS s
    ON s.objoid OPERATOR(pg_catalog.=) d.oid
        AND s.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_database'::pg_catalog.regclass
WHERE d.datname::pg_catalog.text OPERATOR(pg_catalog.~) '^txscope_[0-9]+$'
    AND s.description OPERATOR(pg_catalog.=) 'in use'
