SELECT least(
  nullif(rolconnlimit, -1),
  nullif(datconnlimit, -1),
  current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0)
)
FROM pg_roles, pg_database
WHERE rolname = current_user AND datname = current_database()
