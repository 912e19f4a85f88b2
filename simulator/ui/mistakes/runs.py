"""Runs of this person's: the pair that is looked at, and what every other came to when it was last run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from simulator.history import History
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult, SideResult, run_pair
from simulator.ui import runs
from simulator.ui.manager import manager

_ROWS = "mistakes_rows"


def of(mistake: Mistake) -> PairResult:
    """The run of what is picked, made now if it was not yet. Raises EngineBusy, EngineError, RunError."""
    return runs.kept("mistake", mistake.key, lambda: run(mistake))


def run(mistake: Mistake) -> PairResult:
    """Run it now, for its row in the table too. Raises EngineBusy, EngineError, RunError."""
    pair = run_pair(manager().engine(), mistake)
    row = PairResult(_without_history(pair.mistake), _without_history(pair.fixed))
    st.session_state[_ROWS] = {**rows(), mistake.key: row}
    return pair


def rows() -> Mapping[str, PairResult]:
    """What was run by this person, by the mistake's key, without what happened on the way."""
    found: Mapping[str, PairResult] = st.session_state.get(_ROWS, {})
    return found


def forget() -> None:
    """What is looked at is run once more."""
    runs.forget("mistake")


def _without_history(result: SideResult) -> SideResult:
    """A table of forty needs no timelines."""
    return replace(result, history=History((), ()))
