"""What the page shows: a run that was made here, or a history that somebody brought."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.errors import EngineBusy
from simulator.history.schedule import History
from simulator.i18n import gettext as _
from simulator.labs.sessions.load import Load, LoadResult, run_load, stopped
from simulator.labs.sessions.progress import Progress
from simulator.traces.spans import Trace
from simulator.traces.trace import read
from simulator.ui.components import kept
from simulator.ui.kit.slots import Slot
from simulator.ui.sessions import link
from simulator.ui.sessions.going import Going


@dataclass(frozen=True, slots=True)
class Shown:
    """A history and its reading; `result` is None where it was uploaded, `title` its file's name then."""

    history: History
    trace: Trace
    result: LoadResult | None = None
    title: str = ""


SHOWN: Slot[Shown | None] = Slot("sessions", "shown", None)
_BEFORE: Slot[Shown | None] = Slot("sessions", "before", None)
_RUNNING: Slot[tuple[Load, Progress] | None] = Slot("sessions", "running", None)


def of(load: Load, *, again: bool) -> Shown:
    """What was run or opened last; run now where that is nothing, or `again`. Raises EngineError, EngineBusy.

    What another script run of this tab has begun is watched on, whatever the controls stand at meanwhile.
    """
    shown, running = SHOWN.get(), _RUNNING.get()
    if running is not None and again and running[0] != load:
        running[1].stop()  # nobody waits for that one any more
        running = load, Progress()
    elif running is None and (shown is None or (again and kept.again("load"))):
        running = load, Progress()
    if running is not None:
        _RUNNING.set(running)
        result = _watched(*running)
        _BEFORE.set(shown)
        shown = Shown(result.history, read(result.history), result)
        SHOWN.set(shown)
    if shown is None:  # a second click of a double click, and the first one has failed
        raise EngineBusy(_("What you asked for before is still running. Try again in a few seconds."))
    return shown


def _watched(load: Load, progress: Progress) -> LoadResult:
    """What it came to; where somebody stops it, what was recorded until then, without waiting for its end."""
    watched = Going(progress)
    if progress.is_stopped and not progress.is_over:
        kept.give_up("load")
        _RUNNING.pop()
        return stopped(load, progress)
    try:
        result = kept.made(
            "load",
            kept.This(progress),
            lambda engine: run_load(engine, load, progress),
            doing=_("The requests run on a real server"),
            meanwhile=watched.glance,
        )
    except Exception:  # whatever it was is told by the page; it does not go on
        watched.end()
        _RUNNING.pop()
        raise
    watched.end()
    _RUNNING.pop()
    return result


def before() -> Shown | None:
    """What was shown before the last run, None where that was the first."""
    return _BEFORE.get()


def differs(shown: Shown, load: Load) -> bool:
    """Whether the controls were moved since: then what is shown is not what they say."""
    return shown.result is not None and link.query(shown.result.load) != link.query(load)
