"""ACID, a run a letter: a transfer killed half-way, a CHECK that refuses, a server that is killed and recovers."""

from simulator.labs.sessions.acid.letters import ACID, Letter, letter, run_acid
from simulator.labs.sessions.acid.observed import AcidRun

__all__ = ["ACID", "AcidRun", "Letter", "letter", "run_acid"]
