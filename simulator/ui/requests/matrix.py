"""The matrix: a row for each way to write get_db, a column for each ending; every cell is a request that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.labs.requests.client import DISCONNECTED
from simulator.labs.requests.dependencies import DEPENDENCIES
from simulator.labs.requests.endings import ENDINGS
from simulator.labs.requests.matrix import Cell, run_matrix
from simulator.ui import runs
from simulator.ui.manager import manager
from simulator.ui.plain import plain
from simulator.ui.requests import picker
from simulator.ui.requests.picker import Pick

Cells = Mapping[tuple[str, str], Cell]
_WIDTHS = [2.6, *(2.0 for _each in ENDINGS)]


def cells(now: Pick) -> Cells:
    """All thirty of this driver, run one after another and kept. Raises EngineBusy, EngineError, RunError."""
    return runs.kept(f"requests_{now.is_async}", None, lambda: _run_all(now.is_async))


def forget() -> None:
    """Run them once more."""
    runs.forget("requests_False", "requests_True")


def show(now: Pick, found: Cells) -> None:
    """A click on a cell opens it below."""
    with st.container(gap="xsmall"):
        _table(now, found)
    _summary(found)


def _table(now: Pick, found: Cells) -> None:
    for column, ending in zip(st.columns(_WIDTHS)[1:], ENDINGS, strict=True):
        column.markdown(f"**{plain(_(ending.title))}**")
    for written in DEPENDENCIES:
        head, *columns = st.columns(_WIDTHS, vertical_alignment="center")
        head.markdown(f"**{plain(_(written.title))}**")
        for column, ending in zip(columns, ENDINGS, strict=True):
            cell = found[written.key, ending.key]
            picked = (now.dependency, now.ending) == (written.key, ending.key)
            with column:
                st.button(
                    _label(cell),
                    key=f"cell_{_mark(cell)}_{'picked_' if picked else ''}{written.key}_{ending.key}",
                    width="stretch",
                    on_click=picker.choose,
                    args=(replace(now, dependency=written.key, ending=ending.key),),
                )


def _run_all(is_async: bool) -> Cells:
    total = len(DEPENDENCIES) * len(ENDINGS)
    bar = st.progress(0.0, _("Making {number} requests over HTTP").format(number=total))
    found = {}
    for cell in run_matrix(manager().engine(), (is_async,)):
        found[cell.dependency, cell.ending] = cell
        bar.progress(len(found) / total)
    bar.empty()
    return found


def told(cell: Cell) -> str:
    """What the client was told, in two words."""
    return _("gone") if cell.told == DISCONNECTED else cell.told


def rows(cell: Cell) -> str:
    return ngettext("{number} row", "{number} rows", cell.rows).format(number=cell.rows)


def _label(cell: Cell) -> str:
    marks = (f"🔇 **{_('silent')}**" if cell.silent else "", f"💧 {_('leak')}" if cell.leaks else "")
    return "  \n".join(filter(None, (f"{plain(told(cell))} · {rows(cell)}", " ".join(filter(None, marks)))))


def _mark(cell: Cell) -> str:
    return "silent" if cell.silent else "leak" if cell.leaks else "fine"


def _summary(found: Cells) -> None:
    silent = sum(cell.silent for cell in found.values())
    leaks = sum(cell.leaks for cell in found.values())
    st.caption(
        _(
            "{number} requests over real sockets. 🔇 {silent}: the client was told one thing, and the database holds "
            "another. 💧 {leaks}: a connection or a transaction is still held when the request has ended."
        ).format(number=len(found), silent=silent, leaks=leaks)
    )
