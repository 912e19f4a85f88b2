"""Every mistake in one table: what its clients were told and what was stored when it was last run; a click opens it."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.i18n import gettext as _
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.labs.mistakes.entry import Mistake
from simulator.ui.banner import problems
from simulator.ui.mistakes import picker, runs, words
from simulator.ui.mistakes.runs import Row
from simulator.ui.plain import plain


def show() -> None:
    """The results stay until this tab of the browser is closed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(_("Run all"), icon="▶️", type="primary", key="mistakes_run_all")
        summary = st.empty()
    summary.markdown(_summary(), width="content")
    progress = st.empty()
    _head()
    places = {mistake.key: _line(mistake) for mistake in MISTAKES}
    if clicked:
        with problems("mistakes_all"):
            _run_all(progress, places)
        progress.empty()
        summary.markdown(_summary(), width="content")


def _run_all(progress: DeltaGenerator, places: dict[str, DeltaGenerator]) -> None:
    """One after the other, so that a room full of people shares the server; each row is filled in when it is there."""
    for number, mistake in enumerate(MISTAKES):
        progress.progress(number / len(MISTAKES), _("Running: {title}").format(title=plain(_(mistake.title))))
        runs.run(mistake)
        _fill(places[mistake.key], mistake)


def _summary() -> str:
    rows = runs.rows()
    if not rows:
        return _("Each row is run on this server, the mistake and its fix.")
    return _("{run} of {all} run; {silent} of them silent; {odd} not as expected.").format(
        run=len(rows),
        all=len(MISTAKES),
        silent=sum(row.kind == "silent" for row in rows.values()),
        odd=sum(not row.as_expected for row in rows.values()),
    )


def _head() -> None:
    _left, right = st.columns([3, 4])
    cells = (_("The mistake: told"), _("stored"), _("The fix: told"), _("stored"))
    right.html(f'<div class="tx-mistake-row">{"".join(f"<b>{escape(cell)}</b>" for cell in cells)}</div>')


def _line(mistake: Mistake) -> DeltaGenerator:
    """The button that opens it, and the place of its results."""
    left, right = st.columns([3, 4], vertical_alignment="center", gap="small")
    with left:
        if st.button(plain(words.label(mistake)), key=f"mistakes_open_{mistake.key}", type="tertiary"):
            picker.choose(mistake.key)
            st.rerun(scope="app")
    place = right.empty()
    _fill(place, mistake)
    return place


def _fill(place: DeltaGenerator, mistake: Mistake) -> None:
    row = runs.rows().get(mistake.key)
    cells = _cells(row) if row else "<span>–</span>" * 4
    place.html(f'<div class="tx-mistake-row tx-mistake-row-{row.kind if row else "none"}">{cells}</div>')


def _cells(row: Row) -> str:
    differs = row.mistake.stored != row.fixed.stored
    leak = f"<br>💧 {escape(row.mistake.leaked)}" if row.mistake.leaked else ""
    odd = f"<br>⚠ {escape(_('not as expected'))}" if not row.as_expected else ""
    return (
        f"<span>{escape(row.mistake.told)}{leak}</span>"
        f'<span class="{"tx-red" if differs else ""}">{"⚠ " if differs else ""}{escape(row.mistake.stored)}</span>'
        f"<span>{escape(row.fixed.told)}{odd}</span><span>{escape(row.fixed.stored)}</span>"
    )
