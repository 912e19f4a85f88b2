"""The page for one's own code, errors and files."""
