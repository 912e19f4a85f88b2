"""Both timelines, one time scale; the place of a figure that is drawn elsewhere."""

from __future__ import annotations

from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult


def show(mistake: Mistake, pair: PairResult) -> None:
    """Filled in when the swimlanes are there."""
