"""Every order of a scenario's steps: the grids, what made the difference, the smallest, what cannot be told apart."""
