"""What the page shows: a run that was made here, or a history that somebody brought."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from simulator.history import History
from simulator.i18n import gettext as _
from simulator.labs.lifecycle.load import Load, LoadResult, run_load
from simulator.traces.spans import Trace
from simulator.traces.trace import read
from simulator.ui.lifecycle import link
from simulator.ui.manager import manager

_SHOWN, _BEFORE = "lifecycle_shown", "lifecycle_before"


@dataclass(frozen=True, slots=True)
class Shown:
    """A history and its reading; `result` is None where it was uploaded, `title` its file's name then."""

    history: History
    trace: Trace
    result: LoadResult | None = None
    title: str = ""


def of(load: Load, *, again: bool) -> Shown:
    """What was run or opened last; run now where that is nothing, or `again`. Raises EngineError, EngineBusy."""
    shown: Shown | None = st.session_state.get(_SHOWN)
    if shown is None or again:
        with st.spinner(_("The requests run on a real server"), show_time=True):
            result = run_load(manager().engine(), load)
        st.session_state[_BEFORE] = shown
        shown = st.session_state[_SHOWN] = Shown(result.history, read(result.history), result)
    return shown


def before() -> Shown | None:
    """What was shown before the last run, None where that was the first."""
    earlier: Shown | None = st.session_state.get(_BEFORE)
    return earlier


def differs(shown: Shown, load: Load) -> bool:
    """Whether the controls were moved since: then what is shown is not what they say."""
    return shown.result is not None and link.parameters(shown.result.load) != link.parameters(load)


def open_history(text: str, title: str) -> None:
    """Show this file from now on. Raises HistoryError."""
    history = History.from_json(text)
    st.session_state[_SHOWN] = Shown(history, read(history), title=title)
