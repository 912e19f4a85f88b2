"""What a clicked bar stands for: its SQL, parameters, answer, times and the line of code."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.figures.labels import count, cut
from simulator.figures.swimlanes.info import Bar, Group
from simulator.figures.swimlanes.words import request_word
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import duration
from simulator.ui.kit.plain import plain

#: Characters; one INSERT of 500 rows has forty thousand.
MAX_SQL, MAX_PARAMETERS = 2000, 600
#: Groups of a merged bar that are told.
MAX_GROUPS = 8


def show(bar: Bar) -> None:
    """Everything that was observed of it, and nothing else."""
    where = " · ".join(filter(None, (request_word(bar.request or ""), bar.session, _slot(bar))))
    st.html(
        f'<div class="tx-bar"><b>{escape(bar.title)}</b> <span class="tx-quiet">{escape(where)}</span> '
        f"<span>{escape(_times(bar))}</span></div>"
    )
    if bar.groups:
        st.html(groups(bar))
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


def groups(bar: Bar) -> str:
    """What a merged bar stands for: how often what was sent, how long that took together, and from which lines."""
    heads = (_("How often"), _("Together"), _("What"), _("Line of code"))
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    lines = "".join(map(_group, bar.groups[:MAX_GROUPS]))
    left = len(bar.groups) - MAX_GROUPS
    more = ngettext("{number} more is not shown.", "{number} more are not shown.", left).format(number=left)
    rest = f'<p class="tx-quiet">{escape(more)}</p>' if left > 0 else ""
    return f'<div class="tx-wide"><table class="tx-groups"><tr>{head}</tr>{lines}</table></div>{rest}'


def _group(group: Group) -> str:
    failed = ngettext("{number} failed", "{number} failed", group.failed).format(number=group.failed)
    often = f"{group.times} ×" + (f" · ✕ {failed}" if group.failed else "")
    what = escape(cut(" ".join(group.what.split()), MAX_PARAMETERS))
    lines = ", ".join(f"{line} ({count} ×)" if len(group.lines) > 1 else line for line, count in group.lines)
    cells = (escape(often), escape(duration(group.busy_ms)), f"<code>{what}</code>" if group.is_sql else what)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, escape(lines))) + "</tr>"


def rows(bar: Bar) -> str:
    """Of a statement's command tag: `SELECT 5` returned five rows, `INSERT 0 1` wrote one; "" where it says none."""
    number = count(bar.tag) if bar.sql else None
    if number is None:
        return ""
    command = bar.tag.split()[0]
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
