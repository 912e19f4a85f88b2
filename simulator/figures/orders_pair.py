"""Two orders of one variant below each other: a safe one and one that goes wrong, with the exchange marked."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.experiments.orders.difference import Nearest
from simulator.figures.score.comparison import ComparisonInfo, Level
from simulator.figures.score.read import score_info
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.verdict.run import RunResult


def pair_info(results: Sequence[RunResult], found: Nearest) -> ComparisonInfo:
    """The scores of both runs, the safe one first, with a line at the first step that is another one."""
    levels = tuple(
        Level(each.isolation, each.outcome, score_info(each.history, each.schedule, each.confirmed, each.variant))
        for each in results
    )
    return ComparisonInfo(levels, (), None, found.differ_at)


def pair_notes(info: ComparisonInfo, found: Nearest) -> tuple[str, ...]:
    """A line for each position: the step of either order."""
    both = list(zip(found.safe.order, found.wrong.order, strict=True))
    said = [one if one == other else _("{one} here, {other} below").format(one=one, other=other) for one, other in both]
    return (*said, *(_("run again after an abort") for _place in range(len(said), len(info.marks))))


def exchange_text(found: Nearest) -> str:
    """Which steps change places, and what comes of it."""
    first, second = found.exchanged[0]
    if len(found.exchanged) == 1:
        text = _(
            "One exchange makes the difference: with {first} before {second} all is well; with {second} first: {told}"
        )
        return text.format(first=first, second=second, told=found.wrong.told)
    swaps = ", ".join(f"{one} ⇄ {other}" for one, other in found.exchanged)
    text = ngettext(
        "No nearer pair was found: {n} exchange, {swaps}. Then: {told}",
        "No nearer pair was found: {n} exchanges, {swaps}. Then: {told}",
        len(found.exchanged),
    )
    return text.format(n=len(found.exchanged), swaps=swaps, told=found.wrong.told)
