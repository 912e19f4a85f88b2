"""One history told, findings first; of two, what was mended between them and what came."""

from __future__ import annotations

import json

import streamlit as st

from simulator.export.findings import findings_json
from simulator.findings import Finding
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import duration
from simulator.ui.components import findings_view, legend
from simulator.ui.components.chart_view import chart_view
from simulator.ui.kit.plain import plain
from simulator.ui.own.upload import Opened
from simulator.ui.sessions import lanes, pair
from simulator.ui.sessions.pair import Run

EXAMPLE = """\
from pathlib import Path

from simulator.recorder import trace

with trace(engine, SessionLocal) as recorder:
    with recorder.request("POST /messages"):
        handle(request)

Path("trace.json").write_text(recorder.history().to_json(), encoding="utf-8")
"""
#: The timeline's key, by which a finding opens requests in it.
_LANES = "application_lanes"


def title() -> None:
    """What the page is for."""
    st.title(_("Your application"), anchor=False)
    st.markdown(
        _(
            "Record what your application does with its Sessions, its pool and its database, and be told here in words "
            "what is wrong: which connection was never given back, who had the pool, which commit is missing, and from "
            "which line."
        )
    )


def show(opened: tuple[Opened, ...]) -> None:
    """What was opened; how a history is made where nothing was."""
    if not opened:
        _how()
    elif len(opened) == 1:
        _one(opened[0])
    else:
        _two(*opened[:2])


def _how() -> None:
    st.markdown(f"**{_('How a history is made')}**")
    st.code(EXAMPLE, language="python")
    st.markdown(_("In a terminal, without this page: `python -m simulator diagnose trace.json`."))


def _one(opened: Opened) -> None:
    st.markdown(f"**{plain(opened.title)}** · {plain(_facts(opened))}")
    findings_view.show(opened.trace, lanes=_LANES)
    lanes.show(opened.trace, key=_LANES, page="application")
    _save(opened)


def _facts(opened: Opened) -> str:
    requests = len(opened.trace.requests)
    statements = sum(len(request.statements) for request in opened.trace.groups)
    parts = (
        ngettext("{n} request", "{n} requests", requests).format(n=requests),
        ngettext("{n} statement", "{n} statements", statements).format(n=statements),
        duration(opened.trace.duration_ms),
    )
    return _(", ").join(parts)


def _save(opened: Opened) -> None:
    found = findings_json(opened.trace, findings_view.of(opened.trace))
    st.download_button(
        _("Save the findings"),
        json.dumps(found, ensure_ascii=False, indent=1),
        file_name="txscope-findings.json",
        mime="application/json",
        on_click="ignore",
        icon="💾",
    )


def _two(before: Opened, after: Opened) -> None:
    """Findings that are gone, that came and that stayed; then both timelines on one axis."""
    first, second = (Run(None, each.trace, each.title) for each in (before, after))
    st.markdown(f"**{plain(before.title)}** → **{plain(after.title)}**: {plain(pair.difference(first, second))}")
    st.caption(f"{plain(_facts(before))} → {plain(_facts(after))}")
    _changes(findings_view.of(before.trace), findings_view.of(after.trace))
    figures = tuple(pair.drawn(first, second))
    for number, (run, figure) in enumerate(zip((first, second), figures, strict=True)):
        st.markdown(f"**{plain(run.title)}**")
        chart_view(figure, key=f"application_pair_{number}", label=_("Swimlanes of one of two runs, on the same axis"))
    legend.show(*figures)
    st.markdown(f"**{plain(after.title)}**")
    findings_view.show(after.trace, lanes=_LANES, lit=False)


def _changes(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> None:
    """By rule and function: a line's number moves with every edit."""
    was, is_now = {_place(each): each for each in before}, {_place(each): each for each in after}
    groups = (
        ("✅", _("Gone"), [each for place, each in was.items() if place not in is_now]),
        ("🆕", _("New"), [each for place, each in is_now.items() if place not in was]),
        ("↔️", _("Still there"), [each for place, each in is_now.items() if place in was]),
    )
    for sign, name, found in groups:
        if found:
            told = _("; ").join(f"{_(each.title)} ({each.line or '–'})" for each in found)
            st.markdown(f"{sign} **{name}** · {plain(told)}")


def _place(finding: Finding) -> tuple[str, str]:
    name, _colon, rest = finding.line.partition(":")
    return finding.rule, f"{name} {rest.partition(' ')[2]}"
