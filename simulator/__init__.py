"""Txscope: concurrent transactions on a real database, recorded, checked and drawn."""
