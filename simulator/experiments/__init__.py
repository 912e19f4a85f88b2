"""Many runs, one table: variants by levels, lock conflicts, orders."""
