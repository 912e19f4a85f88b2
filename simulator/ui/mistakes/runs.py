"""Runs of this person's: the pair that is looked at, and what every other came to when it was last run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from simulator.history.schedule import History
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult, SideResult, run_pair
from simulator.ui.components import kept
from simulator.ui.kit.slots import Slot

_ROWS: Slot[Mapping[str, PairResult]] = Slot("mistakes", "rows", MappingProxyType({}))


def of(mistake: Mistake) -> PairResult:
    """The run of what is picked, made now if it was not yet. Raises EngineBusy, EngineError, RunError."""
    before = kept.known("mistake")
    pair = kept.made("mistake", mistake.key, lambda engine: run_pair(engine, mistake))
    if before is not pair:
        _note(mistake, _row(pair))
    return pair


def run(mistake: Mistake) -> None:
    """Run it once more, for its row in the table. Raises EngineBusy, EngineError, RunError."""
    name = f"mistakes_row_{mistake.key}"
    kept.forget(name)
    _note(mistake, kept.made(name, None, lambda engine: _row(run_pair(engine, mistake))))


def rows() -> Mapping[str, PairResult]:
    """What was run by this person, by the mistake's key, without what happened on the way."""
    return _ROWS.get()


def forget() -> None:
    """What is looked at is run once more."""
    kept.forget("mistake")


def _note(mistake: Mistake, row: PairResult) -> None:
    _ROWS.set({**rows(), mistake.key: row})


def _row(pair: PairResult) -> PairResult:
    return PairResult(_without_history(pair.mistake), _without_history(pair.fixed))


def _without_history(result: SideResult) -> SideResult:
    """A table of forty needs no timelines."""
    return replace(result, history=History((), ()))
