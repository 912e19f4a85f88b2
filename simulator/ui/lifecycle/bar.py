"""What a clicked bar stands for: its SQL, parameters, answer, times and the line of code."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.figures.labels import cut
from simulator.figures.swimlanes_info import Bar
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import duration
from simulator.ui.plain import plain

#: Characters; one INSERT of 500 rows has forty thousand.
MAX_SQL, MAX_PARAMETERS = 2000, 600


def show(bar: Bar) -> None:
    """Everything that was observed of it, and nothing else."""
    where = " · ".join(filter(None, (bar.request, bar.session, _slot(bar))))
    st.html(
        f'<div class="tx-bar"><b>{escape(bar.title)}</b> <span class="tx-quiet">{escape(where)}</span> '
        f"<span>{escape(_times(bar))}</span></div>"
    )
    if bar.sql:
        st.code(cut(bar.sql, MAX_SQL), language="sql", wrap_lines=True)
    facts = [
        (_("Parameters"), cut(", ".join(f"{name} = {value!r}" for name, value in bar.parameters), MAX_PARAMETERS)),
        (_("Sets of parameters"), str(bar.many) if bar.many > 1 else ""),
        (_("Answer"), bar.tag),
        (_("Rows"), rows(bar)),
        (_("Line of code"), bar.line),
    ]
    lines = [f'<div class="tx-line"><b>{escape(name)}</b> {escape(text)}</div>' for name, text in facts if text]
    if lines:
        st.html("".join(lines))
    if bar.error or bar.sqlstate:
        st.markdown(f":red[✕ {plain(' '.join(filter(None, (bar.sqlstate, bar.error))))}]")


def rows(bar: Bar) -> str:
    """Of a statement's command tag: `SELECT 5` returned five rows, `INSERT 0 1` wrote one; "" where it says none."""
    command, *numbers = bar.tag.split() if bar.sql else [""]
    if not numbers or not numbers[-1].isdigit():
        return ""
    number = int(numbers[-1])
    if command == "UPDATE" and bar.many > 1:
        return _("{number} by the last set of parameters").format(number=number)  # the driver tells no more
    if command == "SELECT":
        return ngettext("{number} returned", "{number} returned", number).format(number=number)
    if command in ("INSERT", "UPDATE", "DELETE", "MERGE"):
        return ngettext("{number} written", "{number} written", number).format(number=number)
    return str(number)


def _slot(bar: Bar) -> str:
    parts = [
        _("slot {number}").format(number=bar.slot) if bar.slot is not None else "",
        _("backend {number}").format(number=bar.backend) if bar.backend is not None else "",
    ]
    return " · ".join(filter(None, parts))


def _times(bar: Bar) -> str:
    if bar.spans > 1:
        return ngettext(
            "{number} of these in one bar, {time} in all", "{number} of these in one bar, {time} in all", bar.spans
        ).format(number=bar.spans, time=duration(bar.busy_ms))
    if bar.end_ms is None:
        return _("from {start} on; its end was not seen").format(start=duration(bar.start_ms))
    return _("{time}, from {start} to {end}").format(
        time=duration(bar.end_ms - bar.start_ms), start=duration(bar.start_ms), end=duration(bar.end_ms)
    )
