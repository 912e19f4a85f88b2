"""The matrix: a row for each way to get a Session, a column for each ending; every cell is a request that was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from html import escape

import streamlit as st

from simulator.engines.base import Engine
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.labs.fastapi.client import DISCONNECTED
from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.endings import ENDINGS
from simulator.labs.fastapi.matrix import Cell, run_matrix
from simulator.traces.critical import duration
from simulator.ui.app import errands
from simulator.ui.components import kept as runs
from simulator.ui.fastapi import picker
from simulator.ui.fastapi.picker import Pick
from simulator.ui.kit.plain import breakable, plain
from simulator.ui.mistakes import words

Cells = Mapping[tuple[str, str], Cell]
_WIDTHS = [2.6, *(2.0 for _each in ENDINGS), 2.0]


def cells(now: Pick) -> Cells:
    """All thirty-five of this driver, run one after another and kept. Raises EngineBusy, EngineError, RunError."""
    said = _("Making {number} requests over HTTP").format(number=len(DEPENDENCIES) * len(ENDINGS))
    return runs.made(f"fastapi_{now.is_async}", None, lambda engine: _run_all(engine, now.is_async), doing=said)


def forget() -> None:
    """Run them once more."""
    runs.forget("fastapi_False", "fastapi_True")


def story() -> None:
    """What one sees here, before anything else."""
    text = _(
        "A row is a way to write `get_db`, a column a way in which the endpoint ends. Each cell is a request that was "
        "made over HTTP: what its client was told, and how many rows are stored. Red: the two contradict each other."
    )
    st.html(f'<p class="tx-mistake-story">{words.html(text)}</p>')


def show(now: Pick, found: Cells) -> None:
    """A click on a cell opens it below."""
    with st.container(gap="xsmall", key="fastapi_matrix"):
        _table(now, found)
    _summary(found)


def _table(now: Pick, found: Cells) -> None:
    _head, *heads, last = st.columns(_WIDTHS)
    for column, ending in zip(heads, ENDINGS, strict=True):
        column.html(f"<b>{breakable(_(ending.title))}</b>")
    last.html(f"<b>{escape(_('connection out, of one that returns'))}</b>")
    for written in DEPENDENCIES:
        head, *columns, out = st.columns(_WIDTHS, vertical_alignment="center")
        out.markdown(plain(held(found[written.key, ENDINGS[0].key])))
        head.html(f"<b>{breakable(_(written.title))}</b>")
        for column, ending in zip(columns, ENDINGS, strict=True):
            cell = found[written.key, ending.key]
            picked = (now.dependency, now.ending) == (written.key, ending.key)
            with column:
                st.button(
                    _label(cell),
                    key=f"fastapi_cell_{_mark(cell)}_{'picked_' if picked else ''}{written.key}_{ending.key}",
                    width="stretch",
                    on_click=picker.choose,
                    args=(replace(now, dependency=written.key, ending=ending.key),),
                )


def _run_all(engine: Engine, is_async: bool) -> Cells:
    total = len(DEPENDENCIES) * len(ENDINGS)
    found = {}
    for cell in run_matrix(engine, (is_async,)):
        found[cell.dependency, cell.ending] = cell
        errands.tell(len(found) / total)
    return found


def told(cell: Cell) -> str:
    """What the client was told, in two words."""
    return _("gone") if cell.told == DISCONNECTED else cell.told


def rows(cell: Cell) -> str:
    return ngettext("{number} row", "{number} rows", cell.rows).format(number=cell.rows)


def held(cell: Cell) -> str:
    """How long its connection was out, and whether the response had to wait for that."""
    out = cell.held
    if out is None:
        return _("never")
    of = _("{held} of {whole}").format(held=duration(out.ms), whole=duration(out.request_ms))
    if not out.returned:
        return _("{of}, and never given back").format(of=of)
    if out.over_response:
        return _("{of}, still out at the response").format(of=of)
    return _("{of}, back before the response").format(of=of)


def _label(cell: Cell) -> str:
    marks = (
        f"🔇 **{_('silent')}**" if cell.silent else "",
        f"❔ {_('not told')}" if cell.told == DISCONNECTED else "",
        # Beside another mark there is no room for the word, which the line below the table explains.
        ("💧" if cell.silent else f"💧 {_('leak')}") if cell.leaks else "",
    )
    return "  \n".join(filter(None, (f"{plain(told(cell))} · {rows(cell)}", " ".join(filter(None, marks)))))


def _mark(cell: Cell) -> str:
    return "silent" if cell.silent else "leak" if cell.leaks else "fine"


def _summary(found: Cells) -> None:
    silent = sum(cell.silent for cell in found.values())
    leaks = sum(cell.leaks for cell in found.values())
    st.caption(
        _(
            "{number} requests over real sockets. 🔇 {silent}: the client was told one thing, and the database holds "
            "another. ❔: the client was gone before the answer and cannot know what is stored. 💧 {leaks}: a "
            "connection or a transaction is still held when the request has ended."
        ).format(number=len(found), silent=silent, leaks=leaks)
    )
