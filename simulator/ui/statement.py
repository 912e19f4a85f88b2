"""One statement: its SQL with the values that were bound, and what the server answered."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.figures.labels import cell
from simulator.figures.palette import session_colors
from simulator.figures.score_info import Mark, Status
from simulator.history import History, StatementFailed, StatementFinished, StepBlocked
from simulator.i18n import gettext as _

#: More rows than this are counted and not shown.
MAX_ROWS = 12


def show(history: History, mark: Mark) -> None:
    """SQL above, answer below."""
    color = session_colors(history.sessions)[mark.session]
    st.html(f'<div class="tx-who" style="border-color:{color}">{escape(_who(mark))}</div>')
    st.code(mark.sql or mark.label, language="sql", wrap_lines=True)
    st.html(f'<div class="tx-answer">{"".join(_answer(history, mark))}</div>')


def _who(mark: Mark) -> str:
    """`T1.read`, and of a second attempt also `T1#2`."""
    return f"{mark.step} ({mark.transaction})" if mark.attempt > 1 else mark.step


def _answer(history: History, mark: Mark) -> list[str]:
    """What came back, in the order in which it came, as HTML."""
    if mark.status is Status.SKIPPED:
        return [_line("—", mark.detail)]
    lines: list[str] = []
    for event in history.of_step(mark.step):
        if event.transaction not in (None, mark.transaction):
            continue
        if isinstance(event, StepBlocked):
            text = _("waits for {sessions}: {lock}").format(sessions=", ".join(event.by) or "?", lock=event.lock)
            lines.append(_line("⏳", text + (f" ({_('inferred')})" if event.inferred else "")))
            if mark.settled_at is not None and mark.settled_at > mark.position and len(lines) == 1:
                lines.append(_line("⏱", _("answered at step {n}:").format(n=mark.settled_at + 1)))
        elif isinstance(event, StatementFailed):
            lines.append(_line("✕", f"{event.sqlstate} {event.message}", "tx-red"))
            lines += [_line("", text) for text in (event.detail, event.hint) if text]
        elif isinstance(event, StatementFinished):
            lines.append(_rows(event) if event.columns else _line("→", event.tag))
    return lines


def _line(symbol: str, text: str, css: str = "") -> str:
    return f'<div class="tx-line {css}"><span>{symbol}</span><span>{escape(text)}</span></div>'


def _rows(event: StatementFinished) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in event.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell(value))}</td>' for value in row)}</tr>" for row in event.rows[:MAX_ROWS]
    )
    left = len(event.rows) - MAX_ROWS
    more = _line("…", _("{n} more rows").format(n=left)) if left > 0 else ""
    none = _line("∅", _("no rows")) if not event.rows else ""
    return f'<table class="tx-rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}{none}'
