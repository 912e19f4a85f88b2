"""Scenario files: reading them, checking them, and the catalogue that comes with Txscope."""
