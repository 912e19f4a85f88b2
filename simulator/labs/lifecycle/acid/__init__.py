"""ACID, a run a letter: a transfer killed half-way, a CHECK that refuses, a server that is killed and recovers."""

from simulator.labs.lifecycle.acid.letters import ACID, Letter, letter, run_acid
from simulator.labs.lifecycle.acid.observed import AcidRun, Told

__all__ = ["ACID", "AcidRun", "Letter", "Told", "letter", "run_acid"]
