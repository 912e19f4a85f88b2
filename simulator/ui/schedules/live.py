"""The live run of this tab: started, moved, taken back and ended; nothing is drawn here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from simulator.engines.base import Engine
from simulator.errors import EngineError, ScenarioError
from simulator.i18n import NOTHING, Text
from simulator.live import Free, LiveRun, LiveRunEnded, LiveView
from simulator.model import Step
from simulator.ui.app import errands, tab
from simulator.ui.app.manager import manager
from simulator.ui.components import queue_view
from simulator.ui.kit.slots import Slot
from simulator.ui.schedules.pick import Pick
from simulator.verdict.run import RunResult

#: What the errand is called that starts a run.
_ERRAND = "live_run"


@dataclass(frozen=True, slots=True)
class Kept:
    """The run that this tab drives; one at a time, whichever page it is on."""

    wanted: object
    run_id: str
    owner: str


RUN: Slot[Kept | None] = Slot("live", "run", None)
_RESULT: Slot[tuple[object, RunResult | None] | None] = Slot("live", "result", None)
_PROBLEM: Slot[Text] = Slot("live", "problem", NOTHING)


def run_of(pick: Pick) -> LiveRun:
    """The run of what is picked, started now if there is none; also one that is over. Raises EngineError."""
    wanted = (*pick.scenario_id, pick.variant.key, pick.isolation)
    kept = RUN.get()
    if kept is None or kept.wanted != wanted:
        owner = tab.owner()
        errand = manager().errand(owner, _ERRAND, wanted, lambda engine: _start(engine, pick, owner))
        kept = Kept(wanted, queue_view.wait_for(errand), owner)
        RUN.set(kept)
        manager().errands.taken(owner, _ERRAND, errand)
    return manager().live.get(kept.run_id)


def _start(engine: Engine, pick: Pick, owner: str) -> str:
    run_id = manager().live.start(engine, pick.scenario, pick.variant, pick.isolation, owner=owner)
    try:
        errands.tell(1.0)
    except errands.GivenUp:
        manager().live.close(run_id)
        raise
    return run_id


def current() -> LiveRun | None:
    """The run that was started last on this page."""
    kept = RUN.get()
    return None if kept is None else manager().live.get(kept.run_id)


def click(session: str, choice: Step | Free, turn: int) -> None:
    """One click of the person; where the run is over meanwhile, the page says so by itself."""
    with suppress(LiveRunEnded):
        if run := current():
            try:
                run.click(session, choice, turn=turn)
            except ScenarioError as error:
                _PROBLEM.set(error.text)


def undo(clicks: int) -> None:
    """Take the last of so many clicks back."""
    with suppress(LiveRunEnded, EngineError):
        if run := current():
            run.undo(clicks=clicks)


def start_again() -> None:
    """The next `run_of` starts another run; once, at a double click."""
    if manager().errands.again(tab.owner(), _ERRAND):
        leave()


def leave() -> None:
    """End the run, also one that waits for its place."""
    manager().errands.drop(tab.owner(), _ERRAND)
    kept = RUN.pop()
    if kept is not None:
        manager().live.close(kept.run_id)


def problem() -> Text:
    """What was wrong with the last click, once."""
    return _PROBLEM.pop()


def result(run: LiveRun, view: LiveView) -> RunResult | None:
    """The verdict once every transaction is over; asked for once and not at every look."""
    wanted = (id(run), settled(view))
    kept = _RESULT.get()
    if kept is None or kept[0] != wanted:
        kept = (wanted, run.result())
        _RESULT.set(kept)
    return kept[1]


def settled(view: LiveView) -> LiveView:
    """The view without what changes with every look."""
    return replace(view, expires_in_s=0.0, issued=True)
