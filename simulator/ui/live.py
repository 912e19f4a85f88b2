"""The live run of this tab: started, moved, taken back and ended; nothing is drawn here."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import replace

import streamlit as st

from simulator.errors import EngineError, ScenarioError
from simulator.live import Free, LiveRun, LiveRunEnded, LiveView
from simulator.model import Step
from simulator.run import RunResult
from simulator.ui.link import Pick
from simulator.ui.manager import manager

_RUN, _RESULT, _PROBLEM = "live_run", "live_result", "live_problem"


def _left(owner: str) -> None:
    """The tab was closed: its session is gone, and so is what it drove."""
    manager().live.close_of(owner)


@st.cache_resource(scope="session", on_release=_left, show_spinner=False)
def _tab() -> str:
    """A name of this tab, for as long as it is open."""
    return secrets.token_urlsafe(8)


def run_of(pick: Pick) -> LiveRun:
    """The run of what is picked, started now if there is none; also one that is over. Raises EngineError."""
    wanted = (pick.scenario, pick.variant, pick.isolation)
    kept = st.session_state.get(_RUN)
    if kept is None or kept[0] != wanted:
        owner = _tab()
        kept = (wanted, manager().live.start(manager().engine(), *wanted, owner=owner), owner)
        st.session_state[_RUN] = kept
    return manager().live.get(kept[1])


def current() -> LiveRun | None:
    """The run that was started last on this page."""
    kept = st.session_state.get(_RUN)
    return None if kept is None else manager().live.get(kept[1])


def click(session: str, choice: Step | Free, turn: int) -> None:
    """One click of the person; where the run is over meanwhile, the page says so by itself."""
    with suppress(LiveRunEnded):
        if run := current():
            try:
                run.click(session, choice, turn=turn)
            except ScenarioError as error:
                st.session_state[_PROBLEM] = str(error)


def undo() -> None:
    """Take the last click back."""
    with suppress(LiveRunEnded, EngineError):
        if run := current():
            run.undo()


def leave() -> None:
    """End the run, and forget it: the next `run_of` starts another one."""
    kept = st.session_state.pop(_RUN, None)
    if kept is not None:
        manager().live.close(kept[1])


def problem() -> str:
    """What was wrong with the last click, once."""
    return str(st.session_state.pop(_PROBLEM, ""))


def result(run: LiveRun, view: LiveView) -> RunResult | None:
    """The verdict once every transaction is over; asked for once and not at every look."""
    wanted = (id(run), settled(view))
    kept: tuple[object, RunResult | None] | None = st.session_state.get(_RESULT)
    if kept is None or kept[0] != wanted:
        kept = (wanted, run.result())
        st.session_state[_RESULT] = kept
    return kept[1]


def settled(view: LiveView) -> LiveView:
    """The view without what changes with every look."""
    return replace(view, expires_in_s=0.0, issued=True)
