"""What the README's figures come from: `python -m benchmarks`, each on a server of its own, started for it."""
