"""The same side many times: how often it came to what was expected, and to what it came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from simulator.engines.base import Engine
from simulator.errors import RunError
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake, Side
from simulator.labs.mistakes.run import SideResult, run_side

#: With more clients their answers say nothing.
_FEW = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one side."""

    runs: int
    as_expected: int
    #: what was observed, in one line each, and how often
    seen: Counter[str]
    #: what was not as expected, and how often
    differences: Counter[str]
    median_ms: float


def tally(engine: Engine, side: Side, runs: int) -> Tally:
    """Run the side so many times. A demonstration that failed itself counts as not as expected. Raises EngineError."""
    seen: Counter[str] = Counter()
    differences: Counter[str] = Counter()
    durations = []
    as_expected = 0
    for _run in range(runs):
        try:
            result = run_side(engine, side)
        except RunError as error:
            differences[str(error)] += 1
            continue
        seen[in_words(result)] += 1
        differences.update(map(str, result.differences))
        durations.append(result.duration_ms)
        as_expected += result.as_expected
    return Tally(runs, as_expected, seen, differences, median(durations) if durations else 0.0)


def in_words(result: SideResult) -> str:
    """`told 200 ×3, 500 TimeoutError; stored 0; leaked 3 connections, 3 transactions`, without what there was not."""
    parts = [_("told {what}").format(what=", ".join(_told(result)))]
    if len(result.told) <= _FEW and any(it.answer for it in result.told):
        parts.append(_("answered {what}").format(what=", ".join(it.answer for it in result.told if it.answer)))
    if result.stored:
        parts.append(_("stored {what}").format(what=" ".join(str(cell) for row in result.stored for cell in row)))
    if result.leaked.connections or result.leaked.transactions:
        parts.append(
            _("leaked {connections} connections, {transactions} transactions").format(
                connections=result.leaked.connections, transactions=result.leaked.transactions
            )
        )
    if result.figure is not None:
        parts.append(_("figure {value}").format(value=result.figure))
    return "; ".join(parts)


def _told(result: SideResult) -> Iterator[str]:
    counted = Counter(f"{it.status} {it.cause or it.error}".strip() for it in result.told)
    for what, times in sorted(counted.items()):
        yield what if times == 1 else f"{what} ×{times}"


def table_lines(mistake: Mistake, wrong: Tally, fixed: Tally) -> Iterator[str]:
    """The pair's rows of the table of outcomes: one line for each outcome that was observed."""
    marks = [mark for mark, holds in ((_("silent"), mistake.silent), (_("time-out"), mistake.timeout)) if holds]
    yield f"{mistake.key}  {_(mistake.title)}" + (f"  [{', '.join(marks)}]" if marks else "")
    for name, side in ((_("mistake"), wrong), (_("fix"), fixed)):
        for what, times in side.seen.most_common():
            yield f"    {name:8} {times:3} × {what}"
        for what, times in side.differences.most_common():
            yield f"    {name:8} {times:3} ! {what}"
    yield "    " + _("as expected {wrong} and {fixed} of {runs}; median of a pair {ms:.0f} ms").format(
        wrong=wrong.as_expected, fixed=fixed.as_expected, runs=wrong.runs, ms=wrong.median_ms + fixed.median_ms
    )
