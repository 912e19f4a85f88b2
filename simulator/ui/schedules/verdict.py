"""The verdict: what the run came to, in one sentence, and why, edge by edge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from html import escape

import streamlit as st

from simulator.anomalies.explain import define, explain_anomaly, explain_order
from simulator.anomalies.types import Verdict
from simulator.figures.cycle import cycle_dot, cycle_info, known_then
from simulator.figures.palette import OUTCOMES, OutcomeStyle, outcome_word
from simulator.history.schedule import AnswerCut
from simulator.history.sqlstates import SqlState
from simulator.history.words import CutKind
from simulator.i18n import gettext as _
from simulator.i18n.text import Text
from simulator.model import Outcome
from simulator.ui.app.manager import manager
from simulator.ui.components.moments import Moment
from simulator.ui.components.score_view import run_name
from simulator.ui.kit.terms import explained
from simulator.verdict.explain import explain_differences
from simulator.verdict.headline import came_to, with_aborts
from simulator.verdict.refusal import explain_refusal, refusals
from simulator.verdict.run import RunResult
from simulator.verdict.types import Serial


def headline(result: RunResult) -> None:
    """The outcome as a banner that the last row can read: what came of it, with its numbers, and why."""
    style = OUTCOMES[result.outcome]
    told = (*lines(result), *chance(result))
    st.html(banner(style, outcome_word(result.outcome), told, result.outcome, run_name(result.history)))


def theory(result: RunResult) -> None:
    """Below the headline: what the variant's author says of it, and what the literature calls what was found.

    One element, whatever there is to say: what stands below would be made anew where there are more or fewer.
    """
    told = "".join((*_note(result), *_definitions(result)))
    st.html(f'<div data-txs-of="{run_name(result.history)}">{told or "<i></i>"}</div>')


def _note(result: RunResult) -> Iterator[str]:
    """Why this variant works, or where it does not: its author's words."""
    if result.variant.note:
        yield f'<p class="tx-note">{explained(_(result.variant.note))}</p>'


def _definitions(result: RunResult) -> Iterator[str]:
    """Each phenomenon that was found, a line: its name, what it means, and where that is defined."""
    for name in dict.fromkeys(anomaly.name for anomaly in result.confirmed.anomalies):
        yield f'<p class="tx-quiet tx-definition">{escape(str(define(name)))}</p>'


def banner(style: OutcomeStyle, word: str, lines: Sequence[str], outcome: Outcome, run: str = "") -> str:
    """A word, the first line beside it, the others below; as HTML. `run`: its name, where a view shows its steps."""
    first, *more = lines
    below = "".join(f"<div>{explained(line)}</div>" for line in more)
    of = f' data-txs-of="{run}"' if run else ""
    return (
        f'<div class="tx-verdict" style="--tx-color:{style.color}" data-outcome="{outcome.value}"'
        f"{of}>"
        f'<span class="tx-symbol" aria-hidden="true">{style.symbol}</span>'
        f"<div><strong>{escape(word)}</strong> {explained(first)}{below}</div></div>"
    )


def reasons(
    result: RunResult, weaker: Callable[[], RunResult], done: Collection[tuple[str, str]] | None = None
) -> Moment:
    """Why a transaction was refused, by what the nearest serial order differs, the graph, and its edges in words.

    `weaker` runs the same schedule at REPEATABLE READ; it is asked where something was refused. `done`: only what could
    be known when these statements, (transaction, step), had been answered.
    """
    refused = [
        line
        for refusal in refusals(result)
        if done is None or (refusal.transaction, refusal.step) in done
        for line in explain_refusal(refusal, weaker())
    ]
    told, confirmed = result.graph, result.confirmed
    if done is not None:
        told, confirmed = known_then(told, done), known_then(confirmed, done)
    differences = explain_differences(result.facts) if done is None else ()
    edges = (line for anomaly in confirmed.anomalies for line in explain_anomaly(anomaly)[1:])
    graph = cycle_info(told, result.history.sessions)
    dot = cycle_dot(graph, dark=st.context.theme.type == "dark") if graph.edges else ""
    in_words = (*edges, *unconnected(result, told, at_end=done is None))
    return Moment(dot, "".join(_list(lines) for lines in (refused, differences, in_words)))


def unconnected(result: RunResult, told: Verdict, *, at_end: bool) -> Iterator[Text]:
    """What there is to say where no edge is: that there is none, and in which order the run was replayed."""
    if not at_end:
        if not told.dependencies:
            yield Text.of("Nothing until here orders one transaction before another.")
        return
    if told.no_verdict is not None:
        yield Text.of("No graph. {reason}", reason=told.no_verdict)
    elif not told.dependencies:
        yield Text.of("Nothing that one transaction wrote was read or overwritten by another.")
    if result.replayed.serial is Serial.YES:
        yield explain_order(result.replayed.order)


def _list(lines: Iterable[Text | str]) -> str:
    items = "".join(f"<li>{explained(line)}</li>" for line in dict.fromkeys(map(str, lines)))
    return f'<ul class="tx-reasons">{items}</ul>' if items else ""


def lines(result: RunResult) -> tuple[str, ...]:
    """What the run came to, the telling line first; each abort stands before what holds all the same, or after it."""
    told = [
        str(line.given(rule=_(result.invariant.title) if result.invariant else ""))
        for line in with_aborts(result, came_to(result))
    ]
    return tuple(line for line in (*told, *cuts(result)) if line) or ("",)


def cuts(result: RunResult) -> Iterator[str]:
    """What of the server's answers was left out because there was too much of it."""
    templates = {
        CutKind.VALUE: _("{step}: values are cut after {kept} characters."),
        CutKind.ROWS: _("{step} answered {of} rows, and {kept} of them are kept."),
        CutKind.ANSWER: _("{step}: the answer grew too large after {of} bytes, and the statement was cancelled."),
        CutKind.NOTICES: _("{step} sent {of} messages, and {kept} of them are kept."),
        CutKind.COPY: _("{step}: nobody is here who gives rows to COPY or takes rows from it."),
    }
    for event in result.history.events:
        if isinstance(event, AnswerCut):
            template = templates[CutKind(event.what)]
            yield template.format(step=event.step, kept=f"{event.kept:,}", of=f"{event.of or 0:,}")


def chance(result: RunResult) -> Iterator[str]:
    """Of a deadlock, whether the next run's victim may be another one."""
    deadlock = any(abort.sqlstate == SqlState.DEADLOCK_DETECTED for abort in result.aborts)
    if deadlock and not manager().engine().capabilities().deadlock_victim_certain:
        yield _(
            "The victim may be another one next time: Txscope may not lower deadlock_timeout on this server, "
            "and whichever session looks first is ended."
        )
