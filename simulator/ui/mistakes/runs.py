"""Runs of this person's: the pair that is looked at, and what every other came to when it was last run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult, SideResult, run_pair
from simulator.ui import runs
from simulator.ui.manager import manager
from simulator.ui.mistakes import words

_ROWS = "mistakes_rows"


@dataclass(frozen=True, slots=True)
class Came:
    """What one side came to; its history is not kept."""

    told: str
    stored: str
    #: "" where nothing leaked
    leaked: str


@dataclass(frozen=True, slots=True)
class Row:
    """One mistake in the table of all."""

    kind: words.Kind
    mistake: Came
    fixed: Came
    as_expected: bool


def of(mistake: Mistake) -> PairResult:
    """The run of what is picked, made now if it was not yet. Raises EngineBusy, EngineError, RunError."""
    return runs.kept("mistake", mistake.key, lambda: run(mistake))


def run(mistake: Mistake) -> PairResult:
    """Run it now, for its row in the table too. Raises EngineBusy, EngineError, RunError."""
    pair = run_pair(manager().engine(), mistake)
    row = Row(words.verdict(mistake, pair).kind, _came(pair.mistake), _came(pair.fixed), pair.as_expected)
    st.session_state[_ROWS] = {**rows(), mistake.key: row}
    return pair


def rows() -> Mapping[str, Row]:
    """What was run by this person, by the mistake's key."""
    found: Mapping[str, Row] = st.session_state.get(_ROWS, {})
    return found


def forget() -> None:
    """What is looked at is run once more."""
    runs.forget("mistake")


def _came(result: SideResult) -> Came:
    return Came(words.told(result), words.stored(result.stored), words.leaked(result))
