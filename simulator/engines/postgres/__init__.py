"""PostgreSQL: connections, tenants, rooms, what is read there; `embedded` is the server that comes with Txscope."""
