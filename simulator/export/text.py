"""A run and the two tables as plain text, for a terminal. What it says comes from the result alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from simulator.anomalies.explain import explain_verdict
from simulator.history import (
    AnyEvent,
    ServerMessage,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepSkipped,
)
from simulator.i18n import gettext as _
from simulator.matrix import FixCell, HermitageCell
from simulator.model import Isolation
from simulator.run import RunResult


def run_text(result: RunResult) -> str:
    """Steps in the order in which they were seen, then the verdict."""
    title = f"{result.scenario.title} / {result.variant.title} / {result.isolation.value}"
    lines = [title, f"{result.server.product} {result.server.version}, {result.server.place}", ""]
    start = result.history.events[0].at_ns if result.history.events else 0
    lines += [
        f"{(event.at_ns - start) / 1e6:9.2f} ms  {event.transaction or '':6} {text}"
        for event in result.history.events
        if (text := _event_text(event))
    ]
    lines += ["", f"{_('Outcome')}: {result.outcome.value}", *explain_verdict(result.verdict)]
    if result.invariant is not None:
        holds = {True: _("holds"), False: _("is broken"), None: _("could not be asked")}[result.invariant.holds]
        lines.append(f"{_('Invariant')}: {result.invariant.title}: {holds}")
    if result.reason:
        lines.append(result.reason)
    return "\n".join(lines)


def matrix_text(hermitage: Sequence[HermitageCell], fixes: Sequence[FixCell]) -> str:
    """Both tables, each cell as observed; where that differs from what was expected the cell says so."""
    return "\n".join([*_hermitage_lines(hermitage), "", *_fix_lines(fixes), "", _summary([*hermitage, *fixes])])


def _hermitage_lines(cells: Sequence[HermitageCell]) -> Iterator[str]:
    levels = _levels(cell.isolation for cell in cells)
    yield f"{_('Hermitage: does the phenomenon occur?'):44}" + "".join(f"{level.short:12}" for level in levels)
    words = {True: _("occurs"), False: _("prevented"), None: _("no verdict")}
    for scenario, group in groupby(cells, key=lambda cell: cell.scenario):
        by_level = {cell.isolation: cell for cell in group}
        row = (_marked(words[by_level[level].occurs], by_level[level].as_expected) for level in levels)
        yield f"  {scenario.phenomenon or '':10}{scenario.title[:30]:32}" + "".join(f"{text:12}" for text in row)


def _fix_lines(cells: Sequence[FixCell]) -> Iterator[str]:
    levels = _levels(cell.isolation for cell in cells)
    yield f"{_('Fixes: what does each variant come to?'):64}" + "".join(f"{level.short:20}" for level in levels)
    for scenario, of_scenario in groupby(cells, key=lambda cell: cell.scenario):
        yield f"  {scenario.title}"
        for variant, group in groupby(of_scenario, key=lambda cell: cell.variant):
            by_level = {cell.isolation: cell for cell in group}
            row = (_fix_text(by_level[level]) if level in by_level else "" for level in levels)
            mark = "+" if variant.is_fix else "-"
            yield f"    {mark} {variant.title[:56]:58}" + "".join(f"{text:20}" for text in row)


def _fix_text(cell: FixCell) -> str:
    states = [abort.sqlstate or _("conflict") for abort in cell.result.aborts]
    names = [anomaly.name for anomaly in cell.result.verdict.anomalies]
    detail = ", ".join(dict.fromkeys(names or states))
    text = f"{cell.result.outcome.value} {detail}".strip()
    return _marked(text, cell.as_expected)


def _marked(text: str, as_expected: bool) -> str:
    return text if as_expected else f"{text} !!"


def _summary(cells: Sequence[HermitageCell | FixCell]) -> str:
    matching = sum(cell.as_expected for cell in cells)
    text = _("{matching} of {total} cells as expected.").format(matching=matching, total=len(cells))
    return text if matching == len(cells) else text + " " + _("Cells that differ are marked !!")


def _levels(levels: Iterable[Isolation]) -> list[Isolation]:
    found = set(levels)
    return [level for level in Isolation if level in found]


def _event_text(event: AnyEvent) -> str:
    match event:
        case StatementStarted():
            bound = ", ".join(f"{name} = {value}" for name, value in event.parameters)
            return f"{event.sql}" + (f"   [{bound}]" if bound else "")
        case StatementFinished():
            rows = "; ".join(", ".join(map(str, row)) for row in event.rows[:8])
            return f"  {event.tag}" + (f": {rows}" if rows else "")
        case StatementFailed():
            return f"  {event.sqlstate} {event.message}"
        case StepBlocked():
            return "  " + _("waits for {blockers}: {lock}").format(blockers=", ".join(event.by), lock=event.lock)
        case StepSkipped():
            return "  " + _("{step} skipped ({why})").format(step=event.step, why=event.detail or event.reason)
        case ServerMessage(severity="NOTICE" | "WARNING"):
            return f"  {event.severity}: {event.text}"
    return ""
