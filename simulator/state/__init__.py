"""A history read up to a step: who sees what, who holds which lock, and why a read saw what it saw."""
