"""Requests, Sessions, pool and backends of an application on one time axis."""
