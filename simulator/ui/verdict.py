"""The verdict: what the run came to, in one sentence, and why, edge by edge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import streamlit as st

from simulator.anomalies.explain import explain_anomaly, explain_verdict
from simulator.figures.cycle import cycle_dot, cycle_info
from simulator.figures.palette import OUTCOMES, OutcomeStyle, outcome_word
from simulator.i18n import gettext as _
from simulator.model import Outcome
from simulator.run import Abort, RunResult


def headline(result: RunResult) -> None:
    """The outcome as a banner that the last row can read: a sentence, and below it what it means."""
    style = OUTCOMES[result.outcome]
    banner(style, outcome_word(result.outcome), _lines(result), result.outcome)


def banner(style: OutcomeStyle, word: str, lines: Sequence[str], outcome: Outcome) -> None:
    """A word, the first line beside it, the others below."""
    first, *more = lines
    below = "".join(f"<div>{escape(line)}</div>" for line in more)
    st.html(
        f'<div class="tx-verdict" style="--tx-color:{style.color}" data-outcome="{outcome.value}">'
        f'<span class="tx-symbol" aria-hidden="true">{style.symbol}</span>'
        f"<div><strong>{escape(word)}</strong> {escape(first)}{below}</div></div>"
    )


def reasons(result: RunResult) -> None:
    """The cycle as a graph, and its edges in words; without one, what else ordered the transactions."""
    graph = cycle_info(result.verdict, result.history.sessions)
    if graph.edges:
        st.graphviz_chart(cycle_dot(graph, dark=st.context.theme.type == "dark"), width="stretch")
    lines = [line for anomaly in result.verdict.anomalies for line in explain_anomaly(anomaly)[1:]]
    items = "".join(f"<li>{escape(line)}</li>" for line in dict.fromkeys(lines))
    if items:
        st.html(f'<ul class="tx-reasons">{items}</ul>')


def _lines(result: RunResult) -> list[str]:
    """What the run came to, then the rule, then each abort."""
    lines = [_came_to(result), *rules(result), *map(abort_line, result.aborts)]
    return [line for line in lines if line] or [""]


def _came_to(result: RunResult) -> str:
    if result.reason:
        return result.reason
    if result.outcome is Outcome.ANOMALY and not result.verdict.anomalies:
        return _("The rule is broken, although no transaction saw anything wrong.")
    return next(iter(explain_verdict(result.verdict)), "")


def rules(result: RunResult) -> Iterator[str]:
    """Whether the scenario's rule holds; nothing where it has none."""
    rule = result.invariant
    if rule is None or result.impossible is not None:
        return
    title = _(rule.title)
    if rule.holds is None:
        yield _("The rule could not be asked: {rule}").format(rule=title)
    elif not rule.holds:
        yield _("Broken: {rule}").format(rule=title)
    else:
        yield _("Holds: {rule}").format(rule=title)


def abort_line(abort: Abort) -> str:
    """Which transaction was given up where, and what came of it."""
    names = {"transaction": abort.transaction, "step": abort.step, "state": abort.sqlstate, "again": abort.retried_as}
    if abort.sqlstate is None:
        text = _("{transaction} gave up at {step}, since it saw a conflict").format(**names)
    else:
        text = _("{transaction} was aborted at {step} ({state})").format(**names)
    if abort.retried_as is None:
        return text + "."
    return _("{text}; run again as {again}, it committed.").format(text=text, again=abort.retried_as)
