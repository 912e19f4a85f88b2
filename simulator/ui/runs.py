"""Runs of this person: run when something new is picked, kept while the same is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from simulator.conflicts import ConflictCell, row_lock_conflicts
from simulator.model import Scenario, Schedule, Variant
from simulator.run import RunResult
from simulator.ui.link import Pick
from simulator.ui.manager import manager

T = TypeVar("T")


def of(pick: Pick) -> RunResult:
    """The run of what is picked, made now if it was not yet."""
    wanted = (pick.scenario, pick.variant, pick.isolation, pick.schedule)
    return kept("run", wanted, lambda: manager().run(*wanted[:3], schedule=wanted[3], watch=True))


def conflicts() -> tuple[ConflictCell, ...]:
    """The row locks' conflict table."""
    return kept("conflicts", None, lambda: row_lock_conflicts(manager().engine()))


def levels(pick: Pick) -> tuple[RunResult, ...]:
    """The same schedule at every level of the scenario."""
    wanted = (pick.scenario, pick.variant, pick.schedule)
    return kept("levels", wanted, lambda: tuple(_at(pick.scenario, pick.variant, pick.schedule)))


def table(scenario: Scenario) -> tuple[RunResult, ...]:
    """Every variant of the scenario at every level of it."""
    return kept(
        "table",
        scenario,
        lambda: tuple(
            manager().run(scenario, variant, level) for variant in scenario.variants for level in scenario.levels
        ),
    )


def forget(*names: str) -> None:
    """What was kept as `run`, `levels`, `table` or `conflicts` is run once more where it is shown."""
    for name in names or ("run", "levels", "table"):
        st.session_state.pop(f"kept_{name}", None)


def _at(scenario: Scenario, variant: Variant, schedule: Schedule) -> list[RunResult]:
    return [manager().run(scenario, variant, level, schedule=schedule) for level in scenario.levels]


def kept(name: str, wanted: object, make: Callable[[], T]) -> T:
    """What `make` gave for what is wanted, as long as the same is wanted under this name."""
    found: tuple[object, T] | None = st.session_state.get(f"kept_{name}")
    if found is not None and found[0] == wanted:
        return found[1]
    made = make()
    st.session_state[f"kept_{name}"] = (wanted, made)
    return made
