"""Rows of one moment: what is committed beside what each session sees, and every version with those who see it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.figures.palette import session_colors
from simulator.i18n import N_, Text
from simulator.i18n import gettext as _
from simulator.sql.values import cell
from simulator.state.reader import PanelState, SessionView, VersionRow, VersionTable
from simulator.state.views import Difference, TableView, ViewRow

_STATUS = {
    "visible": N_("committed"),
    "uncommitted": N_("uncommitted"),
    "rolled back": N_("rolled back"),
    "dead": N_("dead"),
}


def show_views(state: PanelState, sessions: Sequence[str]) -> None:
    """A row a line, committed first, then a column a session; what differs is marked."""
    if not state.committed:
        st.html(f'<p class="tx-quiet">{escape(_("No table was looked at in this run."))}</p>')
        return
    colors = session_colors(sessions)
    st.html("".join(_views(table, state.views, colors) for table in state.committed))
    notes = [view.sentence for view in state.views if view.transaction] + list(state.notes)
    st.html(
        f'<ul class="tx-state">{"".join(f"<li>{escape(str(note))}</li>" for note in notes)}</ul>'
        if notes
        else "<i></i>"
    )


def _views(table: TableView, views: Sequence[SessionView], colors: dict[str, str]) -> str:
    seen = {view.session: _of(view, table.table) for view in views}
    keys = dict.fromkeys(row.key for one in (table, *filter(None, seen.values())) for row in one.rows)
    head = "".join(
        f'<th style="border-bottom:.2rem solid {colors[view.session]}">{escape(_sees(view))}</th>' for view in views
    )
    body = "".join(
        f"<tr><td>{escape(', '.join(map(cell, key)))}</td>{_committed(table, key)}"
        f"{''.join(_seen(one, key) for one in seen.values())}</tr>"
        for key in keys
    )
    return (
        f'<table class="tx-rows tx-views"><tr><th>{escape(table.table)}</th>'
        f"<th>{escape(_('committed'))}</th>{head}</tr>{body}</table>"
    )


def _sees(view: SessionView) -> str:
    return _("{transaction} sees").format(transaction=view.transaction or view.session)


def _of(view: SessionView, table: str) -> TableView | None:
    return next((one for one in view.tables if one.table == table), None)


def _row(table: TableView | None, key: object) -> ViewRow | None:
    return next((row for row in table.rows if row.key == key), None) if table else None


def _committed(table: TableView, key: object) -> str:
    row = _row(table, key)
    return f"<td>{_values(table, row)}</td>" if row else "<td>—</td>"


def _seen(table: TableView | None, key: object) -> str:
    row = _row(table, key)
    if table is None or row is None or row.difference is Difference.MISSING:
        return f'<td class="{"tx-differs" if row else ""}">—</td>'
    css = "" if row.difference is Difference.SAME else "tx-differs"
    return f'<td class="{css}">{_values(table, row)}</td>'


def _values(table: TableView, row: ViewRow) -> str:
    """Everything but the key, which heads the line; the name of a column where there are several."""
    pairs = [
        (column, one)
        for column, one in zip(table.columns, row.cells, strict=False)
        if column not in table.key_columns or len(table.columns) == len(table.key_columns)
    ]
    parts = []
    for column, one in pairs:
        value = f"<b>{escape(cell(one.value))}</b>" if one.changed else escape(cell(one.value))
        parts.append(value if len(pairs) == 1 else f"<small>{escape(column)}</small> {value}")
    return " · ".join(parts)


def show_versions(state: PanelState) -> None:
    """Every version that could be seen, in the order of their places in the table."""
    if not state.watched:
        st.html(f'<p class="tx-quiet">{escape(_("Row versions were not recorded in this run."))}</p>')
        return
    st.html("".join(map(_versions, state.versions)) or f"<p>{escape(_('No row has a version here.'))}</p>")
    notes = list(state.notes)
    if not state.with_dead:
        notes.append(
            Text.of(
                "Only what is visible to everybody can be shown here: reading dead and uncommitted versions takes "
                "pageinspect, and the right to use it."
            )
        )
    if any(table.truncated for table in state.versions):
        notes.append(Text.of("There are more versions than are shown."))
    for note in notes:
        st.caption(str(note))


def _versions(table: VersionTable) -> str:
    names = [
        "ctid",
        *table.columns,
        _("written by (xmin)"),
        _("replaced or locked by (xmax)"),
        _("status"),
        _("visible to"),
    ]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(map(_version, table.versions))
    return (
        f'<div class="tx-wide"><b>{escape(table.table)}</b><table class="tx-rows"><tr>{head}</tr>{body}</table></div>'
    )


def _version(row: VersionRow) -> str:
    version = row.version
    values = "".join(f"<td>{escape(cell(value))}</td>" for value in version.values)
    css = "" if row.status in ("visible", "uncommitted") else ' class="tx-gone"'
    return (
        f"<tr{css}><td>{escape(version.ctid)}</td>{values}<td>{_named(row.writer, version.xmin)}</td>"
        f"<td>{_ended(row)}</td><td>{escape(_(_STATUS[row.status]))}</td>"
        f"<td>{escape(', '.join(row.visible_to))}</td></tr>"
    )


def _ended(row: VersionRow) -> str:
    if row.ended_by:
        return _named(row.ended_by, row.version.xmax)
    if row.row_locks:
        return escape(", ".join(f"{name} {mode}" for name, mode in row.row_locks))
    return f"<small>{row.version.xmax}</small>" if row.version.xmax else ""


def _named(name: str | None, xid: int) -> str:
    setup = _("setup") if name == "T0" else name
    return f"{escape(setup)} <small>{xid}</small>" if setup else f"<small>{xid}</small>"
