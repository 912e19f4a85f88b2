"""Every mistake in one table: what its clients were told and what was stored when it was last run; a click opens it."""

from __future__ import annotations

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.i18n import gettext as _
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult
from simulator.ui.app.banner import problems
from simulator.ui.kit.plain import plain
from simulator.ui.mistakes import picker, runs, words

_WIDTHS = (4, 5)


def show() -> None:
    """The results stay until this tab of the browser is closed."""
    with st.container(horizontal=True, vertical_alignment="center"):
        clicked = st.button(_("Run all"), icon="▶️", type="primary", key="mistakes_run_all")
        summary = st.empty()
    summary.markdown(_summary(), width="content")
    progress = st.empty()
    with st.container(key="mistakes_table", gap="xsmall"):
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
        silent=sum(words.verdict(find(key), row).kind == "silent" for key, row in rows.items()),
        odd=sum(not row.as_expected for row in rows.values()),
    )


def _head() -> None:
    _left, right = st.columns(_WIDTHS)
    cells = (_("Clients were told"), _("What came of it"))
    right.html(f'<div class="tx-mistake-row">{"".join(f"<b>{escape(cell)}</b>" for cell in cells)}</div>')


def _line(mistake: Mistake) -> DeltaGenerator:
    """The button that opens it, and the place of its results."""
    left, right = st.columns(_WIDTHS, vertical_alignment="center", gap="small")
    with left:
        st.button(
            plain(words.label(mistake)),
            key=f"mistakes_open_{mistake.key}",
            type="tertiary",
            on_click=picker.choose,
            args=(mistake.key,),
        )
    place = right.empty()
    _fill(place, mistake)
    return place


def _fill(place: DeltaGenerator, mistake: Mistake) -> None:
    row = runs.rows().get(mistake.key)
    kind, cells = ("none", ("–", "")) if row is None else _cells(mistake, row)
    texts = "".join(f"<span>{escape(words.unbroken(text))}</span>" for text in cells)
    place.html(f'<div class="tx-mistake-row tx-mistake-row-{kind}">{texts}</div>')


def _cells(mistake: Mistake, row: PairResult) -> tuple[str, tuple[str, ...]]:
    found = words.verdict(mistake, row)
    odd = "" if row.as_expected else _("⚠ not as expected")
    return found.kind, (words.told(row.mistake), " ".join((*found.sentences[1:], odd)))
