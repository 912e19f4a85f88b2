"""Labs: application code that runs against the real database, and is shown beside what it did."""
