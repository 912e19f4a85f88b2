"""The locks of one moment: a sentence each, by session; the rows of pg_locks on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import streamlit as st

from simulator.figures.palette import session_colors
from simulator.history.observed import Lock
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.state.locks import lock_sentence
from simulator.state.reader import PanelState, SessionView
from simulator.state.ssi import RwEdge
from simulator.ui.kit.terms import explained

#: Columns of pg_locks, in the order of the view; those that are NULL in every row are left out.
_COLUMNS = (
    "session", "locktype", "relation", "page", "tuple", "virtualxid", "transactionid", "classid", "objid", "objsubid",
    "virtualtransaction", "pid", "mode", "granted", "fastpath", "waitstart",
)  # fmt: skip


def show(state: PanelState, sessions: Sequence[str], conflicts: Sequence[RwEdge] = ()) -> None:
    """Sessions beside each other; each holds its locks, and below them what it waits for."""
    if not state.watched:
        st.html(f'<p class="tx-quiet">{escape(_("Locks were not recorded in this run."))}</p>')
        return
    telling = [lock for lock in state.locks if not lock.is_own_id]
    colors = session_colors(sessions)
    boxes = "".join(_session(view, telling, state, colors[view.session]) for view in state.views)
    st.html(f'<div class="tx-locks">{boxes}</div>')
    if any(state.row_locks(view.transaction) for view in state.views):
        st.caption(
            _(
                "A lock on a row stands in the row itself, and pg_locks has no line for it. "
                "What pg_locks has are locks on whole tables, on transactions, and on a row's place in a queue."
            )
        )
    if any(lock.is_predicate for lock in telling):
        lines = "".join(f"<li>{escape(str(edge.sentence))}</li>" for edge in conflicts if not edge.over)
        if lines:
            st.html(f'<ul class="tx-state tx-inferred">{lines}</ul>')
        st.caption(
            _(
                "A SIReadLock only remembers what a SERIALIZABLE transaction has read. It never makes anybody wait; "
                "a later write to it is a dependency, which the server infers."
            )
        )
    if state.locks:
        with st.expander(
            ngettext("{n} row of pg_locks", "{n} rows of pg_locks", len(state.locks)).format(n=len(state.locks))
        ):
            st.html(_raw(state.locks))


def _session(view: SessionView, locks: Sequence[Lock], state: PanelState, color: str) -> str:
    """Rows first, then what pg_locks has."""
    own = [lock for lock in locks if lock.session == view.session]
    rows = state.row_locks(view.transaction)
    lines = [
        _line(_("{session} holds row {row} {strength}").format(session=view.session, row=row, strength=strength))
        for row, strength in rows
    ]
    ordered = sorted(own, key=lambda lock: (lock.granted, lock.relation or ""))
    lines += [_line(str(lock_sentence(lock)), waits=not lock.granted) for lock in ordered]
    if not lines:
        lines.append(_line(_nothing(view)))
    return f'<ul class="tx-state" style="border-color:{color}">{"".join(lines)}</ul>'


def _nothing(view: SessionView) -> str:
    if view.transaction is None:
        return _("{session} is in no transaction and holds nothing").format(session=view.session)
    return _("{session} holds nothing but its own transaction id").format(session=view.session)


def _line(text: str, *, waits: bool = False) -> str:
    css = ' class="tx-waits"' if waits else ""
    return f"<li{css}>{explained(text)}</li>"


def _raw(locks: Sequence[Lock]) -> str:
    rows = [{"session": lock.session, **dict(lock.raw)} for lock in locks]
    columns = list(_in_order(rows))
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row.get(column, '')))}</td>" for column in columns) + "</tr>" for row in rows
    )
    return f'<div class="tx-wide"><table class="tx-rows tx-small"><tr>{head}</tr>{body}</table></div>'


def _in_order(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """The known columns first, then whatever else this version of the server tells."""
    present = dict.fromkeys(column for row in rows for column in row)
    yield from (column for column in _COLUMNS if column in present)
    yield from (column for column in present if column not in _COLUMNS)
