"""The matrix page: what was found of everything at every level."""
