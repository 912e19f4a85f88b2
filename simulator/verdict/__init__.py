"""The verdict: committed transactions are really run again one after another; the dependency graph names the rest."""
