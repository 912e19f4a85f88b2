"""Databases that runs happen on: one port (`base`), one adapter a database, and a fake for unit tests."""
