"""The PostgreSQL that comes with Txscope: its folder, its processes, its healing, its tenants."""
