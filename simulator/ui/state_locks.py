"""The locks of one moment: a sentence each, by session; the rows of pg_locks on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import streamlit as st

from simulator.figures.palette import session_colors
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.locks import lock_sentence
from simulator.seen import Lock
from simulator.ssi import RwEdge
from simulator.state import PanelState

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
    if not telling:
        st.html(f'<p class="tx-quiet">{escape(_("Nobody holds a lock on anything but its own transaction id."))}</p>')
    else:
        colors = session_colors(sessions)
        st.html(f'<div class="tx-locks">{"".join(_session(name, telling, colors[name]) for name in sessions)}</div>')
    if any(lock.is_predicate for lock in telling):
        lines = "".join(f"<li>{escape(edge.sentence)}</li>" for edge in conflicts if not edge.over)
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


def _session(name: str, locks: Sequence[Lock], color: str) -> str:
    own = [lock for lock in locks if lock.session == name]
    lines = "".join(_line(lock) for lock in sorted(own, key=lambda lock: (lock.granted, lock.relation or "")))
    return f'<ul class="tx-state" style="border-color:{color}">{lines}</ul>' if lines else ""


def _line(lock: Lock) -> str:
    css = "" if lock.granted else ' class="tx-waits"'
    return f"<li{css}>{escape(lock_sentence(lock))}</li>"


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
