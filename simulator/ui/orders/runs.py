"""The sweeps of this person: made when a scenario is opened, watched while they go on, stopped, and kept."""

from __future__ import annotations

from simulator.engines.base import Engine
from simulator.experiments.orders import Progress, Sought, Sweep, sweep
from simulator.i18n import gettext as _
from simulator.model import Isolation, Variant
from simulator.ui.app import errands
from simulator.ui.components import kept
from simulator.ui.kit.slots import Slot
from simulator.ui.orders.going import Going
from simulator.ui.orders.subject import Subject

#: Runs of one variant at one level, at most.
BUDGET = 300

_NAME = "orders"
_SHOWN: Slot[tuple[object, tuple[Sweep, ...]] | None] = Slot("orders", "shown", None)
_RUNNING: Slot[tuple[object, Progress] | None] = Slot("orders", "running", None)


def of(subject: Subject) -> tuple[Sweep, ...]:
    """Every variant at every level, as far as it was not stopped. Raises EngineError, EngineBusy."""
    shown, running = _SHOWN.get(), _RUNNING.get()
    if running is not None and running[0] != subject.id:
        running[1].stop()  # nobody waits for that one any more
        running = None
    if running is None and shown is not None and shown[0] == subject.id:
        return shown[1]
    if running is None:
        running = subject.id, Progress()
        _RUNNING.set(running)
    found = _watched(subject, running[1])
    _RUNNING.pop()
    _SHOWN.set((subject.id, found))
    return found


def again() -> None:
    """Run all of it once more where it is shown."""
    if _RUNNING.get() is None and kept.again(_NAME):
        _SHOWN.pop()


def _watched(subject: Subject, progress: Progress) -> tuple[Sweep, ...]:
    """What it came to; where somebody stops it, what was found until then, without waiting for its end."""
    if progress.is_stopped:
        kept.give_up(_NAME)
        return progress.look()
    watched = Going(subject, progress)
    try:
        return kept.made(
            _NAME,
            kept.This(progress),
            lambda engine: _every(engine, subject, progress),
            doing=_("Every order runs on a real server"),
            meanwhile=watched.glance,
        )
    except Exception:  # whatever it was is told by the page; it does not go on
        _RUNNING.pop()
        raise
    finally:
        watched.end()


def _every(engine: Engine, subject: Subject, progress: Progress) -> tuple[Sweep, ...]:
    grids = [(variant, level) for variant in subject.variants() for level in subject.scenario.levels]
    try:
        for number, (variant, level) in enumerate(grids):
            if not progress.is_stopped:
                _one(engine, subject, variant, level, progress, number / len(grids), 1 / len(grids))
    except BaseException:
        progress.stop()  # whoever waited has gone
        raise
    return progress.look()


def _one(
    engine: Engine,
    subject: Subject,
    variant: Variant,
    level: Isolation,
    progress: Progress,
    before: float,
    share: float,
) -> None:
    def tell(found: Sweep) -> None:
        done = max(found.covered / found.total, found.runs / BUDGET)
        errands.tell(min(before + share * done, 1.0))

    sweep(engine, Sought(subject.scenario, variant, level, BUDGET), progress, tell)
