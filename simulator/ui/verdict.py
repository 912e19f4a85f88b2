"""The verdict: what the run came to, in one sentence, and why, edge by edge."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import streamlit as st

from simulator.anomalies.explain import explain_verdict
from simulator.figures.palette import OUTCOMES, outcome_word
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.model import Outcome
from simulator.run import Abort, RunResult


def headline(result: RunResult) -> None:
    """The outcome as a banner that the last row can read."""
    style = OUTCOMES[result.outcome]
    sentences = sentence(result)
    st.html(
        f'<div class="tx-verdict" style="--tx-color:{style.color}">'
        f'<span class="tx-symbol" aria-hidden="true">{style.symbol}</span>'
        f"<div><strong>{escape(outcome_word(result.outcome))}</strong> {escape(sentences)}</div></div>"
    )


def sentence(result: RunResult) -> str:
    """What the run came to, in one sentence."""
    if result.reason:
        return result.reason
    return next(iter(explain_verdict(result.verdict)), "")


def reasons(result: RunResult) -> None:
    """Edges, invariant, aborts and retries; then the cycle as a graph."""
    lines = [*_invariant(result), *explain_verdict(result.verdict)[1:], *_aborts(result)]
    st.html('<ul class="tx-reasons">' + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>")


def _invariant(result: RunResult) -> Iterator[str]:
    rule = result.invariant
    if rule is None:
        return
    title = _(rule.title)
    if rule.holds is None:
        yield _("Could not be asked: {rule}.").format(rule=title)
    elif rule.holds:
        yield _("Holds: {rule}.").format(rule=title)
    else:
        yield _("Broken: {rule}.").format(rule=title)


def _aborts(result: RunResult) -> Iterator[str]:
    for abort in result.aborts:
        yield _abort(abort)
    if result.outcome is Outcome.RETRIED:
        n = len(result.aborts)
        yield ngettext("{n} retry, as an application should.", "{n} retries, as an application should.", n).format(n=n)


def _abort(abort: Abort) -> str:
    names = {"transaction": abort.transaction, "step": abort.step, "state": abort.sqlstate, "again": abort.retried_as}
    if abort.sqlstate is None:
        text = _("{transaction} gave up at {step}, since it saw a conflict").format(**names)
    else:
        text = _("{transaction} was aborted at {step} ({state})").format(**names)
    if abort.retried_as is None:
        return text + "."
    return _("{text}; run again as {again}, it committed.").format(text=text, again=abort.retried_as)
