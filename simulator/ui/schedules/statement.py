"""One statement: its SQL with the values that were bound, and what the server answered."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import streamlit as st

from simulator.figures.palette import session_colors
from simulator.figures.score.info import Mark, ScoreInfo, Status
from simulator.history.schedule import AnyEvent, History, ServerMessage, StatementFailed, StatementFinished, StepBlocked
from simulator.i18n import gettext as _
from simulator.sql.values import cell
from simulator.state.locks import wait_for_graph
from simulator.state.wants import Want, want
from simulator.ui.kit.terms import explained

#: More rows than this are counted and not shown.
MAX_ROWS = 12


def show(history: History, info: ScoreInfo, mark: Mark) -> None:
    """SQL above, below it what was answered by the end of this position: also to those that waited for it."""
    color = session_colors(history.sessions)[mark.session]
    st.html(f'<div class="tx-who" style="border-color:{color}">{escape(_who(mark))}</div>')
    st.code(mark.sql or mark.label, language="sql", wrap_lines=True)
    lines = [*_answer(history, mark), *(line for other in info.woken(mark) for line in _woken(history, other))]
    st.html(f'<div class="tx-answer">{"".join(lines)}</div>')


def _who(mark: Mark) -> str:
    """`T1.read`, and of a second attempt also `T1#2`."""
    return f"{mark.step} ({mark.transaction})" if mark.attempt > 1 else mark.step


def _answer(history: History, mark: Mark) -> Iterator[str]:
    """What came back at this position, in the order in which it came, as HTML."""
    if mark.status is Status.SKIPPED:
        yield _line("—", mark.detail)
        return
    later = mark.settled_at is None or mark.settled_at > mark.position
    for event in _events(history, mark):
        if isinstance(event, StepBlocked):
            yield from (_line("⏳", str(each.sentence)) for each in _begun(history, event))
            if later:
                return  # what ended the wait comes at the step that ended it
        else:
            yield from _came(event)


def _woken(history: History, mark: Mark) -> Iterator[str]:
    """What a statement came to that had waited until now."""
    yield _line("⏱", _("{step}, which had waited:").format(step=_who(mark)))
    for event in _events(history, mark):
        yield from _came(event)


def _events(history: History, mark: Mark) -> Iterator[AnyEvent]:
    return (event for event in history.of_step(mark.step) if event.transaction in (None, mark.transaction))


def _came(event: AnyEvent) -> Iterator[str]:
    """What of an answer this is."""
    if isinstance(event, ServerMessage) and event.severity != "LOG":
        yield from _message(event)
    elif isinstance(event, StatementFailed):
        yield _line("✕", f"{event.sqlstate} {event.message}", "tx-red")
        yield from (_line("", text) for text in (event.detail, event.hint) if text)
    elif isinstance(event, StatementFinished):
        yield _rows(event) if event.columns else _line("→", event.tag)


def _message(event: ServerMessage) -> Iterator[str]:
    """A notice: its first line, and below it the rest of what may be a long report."""
    first, *report = event.text.splitlines() or [""]
    yield _line("💬", f"{event.severity}: {first}")
    rest = "\n".join(filter(None, (*report, event.detail)))
    if rest:
        yield f'<pre class="tx-report">{escape(rest)}</pre>'


def _begun(history: History, event: StepBlocked) -> Iterator[Want]:
    """What the waits that began here are for."""
    for wait in wait_for_graph(history, event.seq).waits:
        if wait.since == event.seq:
            yield want(history, wait)


def _line(symbol: str, text: str, css: str = "") -> str:
    return f'<div class="tx-line {css}"><span>{symbol}</span><span>{explained(text)}</span></div>'


def _rows(event: StatementFinished) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in event.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell(value))}</td>' for value in row)}</tr>" for row in event.rows[:MAX_ROWS]
    )
    left = len(event.rows) - MAX_ROWS
    more = _line("…", _("{n} more rows").format(n=left)) if left > 0 else ""
    none = _line("∅", _("no rows")) if not event.rows else ""
    return f'<table class="tx-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}{none}'
