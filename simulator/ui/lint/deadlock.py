"""The report of a deadlock or of a wait, told: its circle, what the log does not say, and a scenario that closes it."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from simulator.findings.deadlock import Report, read_report, words
from simulator.findings.deadlock.scenario import scenario_toml
from simulator.i18n import Text
from simulator.i18n import gettext as _
from simulator.ui.app import carried, links
from simulator.ui.kit.plain import plain


def show(text: str) -> None:
    """What can be read from it; of half a report, where such things are shown."""
    report = read_report(text)
    if report is None:
        _button("deadlock")
        return
    st.markdown(f"#### {_circle(report)}")
    _told((*words.circle(report), words.outcome(report)))
    _titled(_("Where the lock was met"), words.contexts(report))
    _titled(_("What the log does not say"), words.missing(report))
    _titled(_("Cure"), (words.cure(report),))
    _button(words.fits(report))
    _scenario(report)


def _button(scenario: str) -> None:
    """The demonstration on the page for locks."""
    if st.button(_("See who waits for whom"), icon="🔒", key="lint_locks", type="primary"):
        links.open_link(f"./locks?scenario={scenario}")


def _circle(report: Report) -> str:
    processes = (*report.processes, *report.processes[:1]) if report.is_deadlock else report.processes
    return " → ".join(map(str, processes))


def _titled(title: str, sentences: Iterable[Text]) -> None:
    found = tuple(sentences)
    if found:
        st.markdown(f"**{title}**")
        _told(found)


def _told(sentences: Iterable[Text]) -> None:
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in sentences))


def _scenario(report: Report) -> None:
    """The file, and the page that runs it."""
    made = scenario_toml(report)
    if not made:
        return
    with st.expander(_("A scenario that closes the same circle, with placeholders for what no log has")):
        st.code(made, language="toml", wrap_lines=True)
    if st.button(_("Run this circle"), icon="▶️", key="lint_circle"):
        carried.carry(made, "anomalies")
