"""The four letters: the page and the tests read this table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.engines.base import Engine
from simulator.i18n.text import N_
from simulator.labs.sessions.acid.durability import run_durability
from simulator.labs.sessions.acid.observed import AcidRun
from simulator.labs.sessions.acid.transfers import run_atomicity, run_consistency


@dataclass(frozen=True, slots=True)
class Letter:
    """One property; title and sentence are translated where they are shown."""

    key: str
    title: str
    sentence: str
    #: None where another lab shows it: the Anomalies lab's `scenario`
    run: Callable[[Engine], AcidRun] | None = None
    scenario: str | None = None


ACID = (
    Letter(
        "atomicity",
        N_("Atomicity"),
        N_("A transaction happens as a whole or not at all, also when its connection dies in the middle."),
        run_atomicity,
    ),
    Letter(
        "consistency",
        N_("Consistency"),
        N_("No transaction leaves rows behind that break a declared rule: the server refuses it as a whole."),
        run_consistency,
    ),
    Letter(
        "isolation",
        N_("Isolation"),
        N_("How much of each other concurrent transactions notice depends on the level: the Anomalies lab shows it."),
        scenario="lost_update",
    ),
    Letter(
        "durability",
        N_("Durability"),
        N_("What was committed is still there after the server was killed; what was not is gone."),
        run_durability,
    ),
)


def letter(key: str) -> Letter:
    """The letter of this key. Raises KeyError."""
    return {each.key: each for each in ACID}[key]


def run_acid(engine: Engine, key: str) -> AcidRun:
    """Run one letter, for real. Raises KeyError for one that has no run; EngineBusy, EngineError, RunError."""
    run = letter(key).run
    if run is None:
        raise KeyError(key)
    return run(engine)
