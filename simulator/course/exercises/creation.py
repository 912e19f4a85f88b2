"""How a Session is made, what it keeps, and how many connections its Engine may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from simulator.course.exercises.entry import Blank, Choice, Exercise, Option, Tried
from simulator.engines.base import Engine
from simulator.i18n.text import N_, Text
from simulator.labs.sessions.catalogue import alone, kind
from simulator.labs.sessions.lines import LINES, run_lines
from simulator.labs.sessions.load import Load, run_load
from simulator.labs.sessions.settings import Settings
from simulator.traces.critical import totals
from simulator.traces.pool import pool_totals
from simulator.traces.trace import read

#: The lines of each choice, and which of them (from 1) is the chosen one.
_LIVES: Mapping[str, tuple[Sequence[str], int]] = MappingProxyType(
    {
        "flush": (("open", "new", "add", "commit", "flush", "close", "read"), 5),
        "expire": (("open", "new", "add", "commit", "expire", "close", "read"), 5),
        "refresh": (("open", "new", "add", "commit", "refresh", "close", "read"), 5),
        "expunge": (("open", "new", "add", "commit", "expunge", "close", "read"), 5),
        "open_no_autoflush": (("open_no_autoflush", "new", "add", "commit", "close", "read"), 1),
        "open_keep": (("open_keep", "new", "add", "commit", "close", "read"), 1),
    }
)


def _states(engine: Engine, choice: Choice) -> Tried:
    """Right where the text can be read, and nothing was selected for it."""
    names, chosen = _LIVES[choice["line"]]
    run = run_lines(engine, names)
    last = run.steps[-1]
    selects = sum(sql.startswith("SELECT") for step in run.steps for sql in step.sql)
    reasons = []
    if last.raised:
        reasons.append(Text.of("The last line raised {error}.", error=last.raised))
    if selects:
        reasons.append(Text.many("{n} SELECT was sent.", "{n} SELECTs were sent.", selects))
    right = Text.of("The object is {state}, its text is there, and no SELECT was sent.", state=last.held.message)
    code = "\n".join(step.code for step in run.steps)
    return Tried(not reasons, tuple(reasons) or (right,), code, (chosen,), run.history)


_READABLE = Exercise(
    "states",
    (Blank("line", N_("The line that decides"), tuple(Option(key, LINES[key].code) for key in _LIVES)),),
    _states,
)

#: Connections that the server gives this process, and requests that come at once.
BUDGET, REQUESTS = 8, 12
#: Seconds that a request holds its connection, and that the next one waits for it. A pool of 2 makes the last ones
#: wait for five others, one of 5 for two: the time-out lies far from both.
_HELD_S, _TIMEOUT_S = 0.6, 2.5


def _pool(engine: Engine, choice: Choice) -> Tried:
    """Right where everybody was answered, and no more connections were open than there may be."""
    settings = Settings(
        pool_size=int(choice["pool_size"]), max_overflow=int(choice["max_overflow"]), pool_timeout=_TIMEOUT_S
    )
    load = Load(alone(kind("llm_inside")), requests=REQUESTS, llm_s=_HELD_S, settings=settings)
    result = run_load(engine, load)
    trace = read(result.history)
    in_vain, opened = totals(trace).timed_out, pool_totals(trace).open
    reasons = []
    if in_vain:
        reasons.append(
            Text.many(
                "{n} request waited in vain: TimeoutError.", "{n} requests waited in vain: TimeoutError.", in_vain
            )
        )
    if opened > BUDGET:
        reasons.append(
            Text.of("{open} connections were open at once; there may be {budget}.", open=opened, budget=BUDGET)
        )
    right = Text.of("All {requests} were answered, over {open} connections.", requests=REQUESTS, open=opened)
    code = settings.code()
    marked = [n for n, line in enumerate(code.splitlines(), 1) if line.strip().startswith(("pool_size", "max_over"))]
    return Tried(not reasons, tuple(reasons) or (right,), code, tuple(marked), result.history)


_POOL = Exercise(
    "pool",
    (
        Blank("pool_size", "pool_size", tuple(Option(number, number) for number in ("2", "5", "20"))),
        Blank("max_overflow", "max_overflow", tuple(Option(number, number) for number in ("0", "3", "10"))),
    ),
    _pool,
)

EXERCISES = (_READABLE, _POOL)
