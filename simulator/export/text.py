"""A run and the two tables as plain text, for a terminal. What it says comes from the result alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from simulator.anomalies.explain import explain_anomaly, heading
from simulator.anomalies.operations.explain import explain_inference
from simulator.anomalies.operations.models import Model, remaining, ruled_out
from simulator.anomalies.operations.phenomena import NAMED
from simulator.anomalies.operations.types import Occurrences, Report
from simulator.execution.invariant import explain_invariant
from simulator.experiments.matrix import FixCell, HermitageCell
from simulator.history.schedule import (
    AnyEvent,
    ServerMessage,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepSkipped,
)
from simulator.i18n import gettext as _
from simulator.i18n.text import N_, Text
from simulator.model import Isolation
from simulator.scenarios.schema import CONTROL
from simulator.sql.values import brief
from simulator.verdict.explain import explain_differences, explain_finding
from simulator.verdict.headline import with_aborts
from simulator.verdict.run import RunResult


def run_text(result: RunResult) -> str:
    """Steps in the order in which they were seen, then the verdict."""
    title = f"{result.scenario.title} / {result.variant.title} / {result.isolation.value}"
    lines = [title, f"{result.server.product} {result.server.version}, {result.server.place}", ""]
    start = result.history.events[0].at_ns if result.history.events else 0
    lines += [
        f"{(event.at_ns - start) / 1e6:9.2f} ms  {event.transaction or event.session or '':6} {text}"
        for event in result.history.events
        if (text := _event_text(event))
    ]
    lines += ["", f"{_('Outcome')}: {result.outcome.value}", *_verdict(result)]
    if result.invariant is not None:
        lines.append(str(explain_invariant(result.invariant).given(rule=_(result.invariant.title))))
    if result.reason:
        lines.append(str(result.reason))
    return "\n".join(map(visible, lines))


def _verdict(result: RunResult) -> Iterator[str]:
    """The finding and each abort, by what the nearest serial order differs, and the edges of each cycle."""
    if result.reason:
        return
    edges = (line for anomaly in result.confirmed.anomalies for line in explain_anomaly(anomaly)[1:])
    told = with_aborts(result, explain_finding(result.facts))
    lines = (*told, *explain_differences(result.facts), *edges)
    yield from dict.fromkeys(map(str, lines))


def visible(text: str) -> str:
    r"""The text with control characters written out: a value that a stranger stored must not steer the terminal.

    >>> visible("a\x1b[31mb\u202e"), visible("two\n\tlines")
    ('a\\x1b[31mb\\u202e', 'two\n\tlines')
    """
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def report_text(report: Report) -> str:
    """What a history of operations came to: the anomalies, the worst first, and what they rule out."""
    names = [found.name for found in report.anomalies]
    out, left = ruled_out(names), remaining(names)
    lines = [
        Text.of(
            "{data}. Transactions: {committed} committed, {failed} failed, {unknown} of unknown outcome.",
            data=report.data.value,
            committed=f"{report.committed:,}",
            failed=f"{report.failed:,}",
            unknown=f"{report.unknown:,}",
        ),
        explain_inference(report.data),
        "",
        *(line for found in report.anomalies for line in _occurrences_text(found)),
    ]
    if names:
        lines += [Text.of("T7 is the transaction that ends in line 7, or with entry 7 where the file is one list."), ""]
    else:
        lines.append(Text.of("No anomaly was found."))
    if out:
        lines.append(Text.of("Ruled out: {models}.", models=_titles(out)))
    if left:
        lines.append(Text.of("Not ruled out: {models}.", models=_titles(left)))
    if not out:
        lines.append(
            Text.of("Whether it is strict serializable depends on the order in real time, which was not looked at.")
        )
    return "\n".join(map(str, lines))


def _titles(models: Sequence[Model]) -> Text:
    return Text.joined(N_(", "), [Text(model.title) for model in models])


def _occurrences_text(found: Occurrences) -> Iterator[Text | str]:
    row = NAMED[found.name]
    if any(len(example) > 1 for example in found.examples):
        count = Text.many("in one tangle of transactions", "in {n} tangles of transactions", found.count)
    else:
        count = Text.many("once", "{n} times", found.count)
    yield Text.of("{anomaly}, {count}: {meaning}", anomaly=heading(row), count=count, meaning=Text(row.meaning))
    for first, *others in found.examples:
        yield f"  {first}"
        yield from (f"    {line}" for line in others)
    yield ""


def matrix_text(hermitage: Sequence[HermitageCell], fixes: Sequence[FixCell]) -> str:
    """Both tables, each cell as observed; where that differs from what was expected the cell says so."""
    tables = [*_hermitage_lines(hermitage), "", *_fix_lines(fixes), ""]
    return "\n".join([*tables, *_disputed_lines(fixes), _summary([*hermitage, *fixes])])


def _hermitage_lines(cells: Sequence[HermitageCell]) -> Iterator[str]:
    levels = _levels(cell.isolation for cell in cells)
    yield f"{_('Hermitage: does the phenomenon occur?'):44}" + "".join(f"{level.short:12}" for level in levels)
    words = {True: _("occurs"), False: _("prevented"), None: _("not known")}
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
    names = [anomaly.name for anomaly in cell.result.confirmed.anomalies]
    detail = ", ".join(dict.fromkeys(names or states))
    disputed = "" if cell.disagreement is None else "~"
    text = f"{cell.result.outcome.value} {detail}".strip()
    return _marked(f"{text}{disputed}", cell.as_expected)


def _disputed_lines(cells: Sequence[FixCell]) -> Iterator[str]:
    disputed = [cell for cell in cells if cell.disagreement is not None]
    if disputed:
        yield _("~ graph and replay disagree; the replay decides:")
    for cell in disputed:
        yield f"    {cell.scenario.key} {cell.variant.key} {cell.isolation.short}: {cell.disagreement}"


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
            bound = ", ".join(f"{name} = {brief(value)}" for name, value in event.parameters)
            return f"{event.sql}" + (f"   [{bound}]" if bound else "")
        case StatementFinished():
            rows = "; ".join(", ".join(map(brief, row)) for row in event.rows[:8])
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
