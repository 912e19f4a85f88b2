"""What was found in a history, the worst first: in words, with its line, its cost, its cure and its demonstration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import plotly.graph_objects as go
import streamlit as st

from simulator.figures.swimlanes.lit import light_up
from simulator.figures.swimlanes.words import request_word
from simulator.findings import Finding, Severity, faults, judge_trace
from simulator.findings.finding import SEVERITIES
from simulator.i18n import Text, ngettext
from simulator.i18n import gettext as _
from simulator.i18n.text import Value
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.traces.spans import Trace
from simulator.ui.app import links
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import HERE, Slot

#: Findings that are told.
MOST = 12
#: Requests that a finding opens in the timeline.
_OPENED = 6
_TITLES = {mistake.key: mistake.title for mistake in MISTAKES}
#: Never told by colour alone.
_SIGNS: Mapping[Severity, str] = MappingProxyType(
    {Severity.LOST: "⛔", Severity.FAILED: "❌", Severity.FLAW: "⚠️", Severity.COST: "💰"}
)
#: Values of a sentence that are names of requests.
_NAMES = frozenset({"request", "first", "second", "other"})

#: Of the traces that were shown last.
_FOUND: Slot[tuple[tuple[Trace, tuple[Finding, ...]], ...]] = Slot(HERE, "findings", ())
_KEPT = 2
#: The trace and the spans that light up.
_LIT: Slot[tuple[Trace, tuple[int, ...]] | None] = Slot(HERE, "lit", None)


def show(trace: Trace, *, lanes: str = "sessions_lanes", lit: bool = True) -> None:
    """Beside the timeline whose key is `lanes`; without `lit` its bars do not light up."""
    found = of(trace)
    if not found:
        st.caption(_("Nothing was found in this run, which is no proof that nothing is wrong."))
        return
    wrong = len(faults(found))
    head = ngettext("{n} finding", "{n} findings", wrong).format(n=wrong) if wrong else _("No fault was found; costs:")
    st.markdown(f"**{head}**")
    for number, finding in enumerate(found[:MOST]):
        is_worst = number == 0 and finding.severity is not Severity.COST
        label = f"{_SIGNS[finding.severity]} {_(SEVERITIES[finding.severity])} · {plain(_(finding.title))}"
        with st.expander(f"{label}{_times(finding)}", expanded=is_worst):
            _finding(trace, finding, number, lanes if lit else "")
    if len(found) > MOST:
        left = len(found) - MOST
        st.caption(ngettext("{number} more is not shown.", "{number} more are not shown.", left).format(number=left))


def of(trace: Trace) -> tuple[Finding, ...]:
    """What was found in it; asked once for each trace that is shown."""
    for of_trace, found in _FOUND.get():
        if of_trace is trace:
            return found
    found = judge_trace(trace)
    _FOUND.set((*_FOUND.get(), (trace, found))[-_KEPT:])
    return found


def light(figure: go.Figure, trace: Trace) -> None:
    """Bars of the finding that somebody asked to see."""
    lit = _LIT.get()
    if lit is not None and lit[0] is trace:
        light_up(figure, lit[1])


def _times(finding: Finding) -> str:
    return f" · ×{finding.times}" if finding.times > 1 else ""


def _finding(trace: Trace, finding: Finding, number: int, lanes: str) -> None:
    st.markdown(plain(_worded(finding.said)))
    facts = (
        (_("Line of code"), f"`{finding.line}`" if finding.line else ""),
        (_("Cost"), plain(finding.cost)),
        (_("Cure"), _(finding.cure)),  # ours, with its code marked
    )
    st.markdown("  \n".join(f"**{name}** · {text}" for name, text in facts if text))
    lit = _LIT.get()
    is_lit = lit is not None and lit[0] is trace and lit[1] == finding.evidence
    with st.container(horizontal=True, vertical_alignment="center"):
        if finding.evidence and lanes:
            st.button(
                _("Show everything again") if is_lit else _("Show it in the timeline"),
                icon="💡",
                key=_key("light", number),
                on_click=partial(_point_to, trace, None if is_lit else finding, lanes),
            )
        if (link := _demonstration(finding)) and st.button(_("Run it"), icon="▶️", key=_key("run", number)):
            links.open_link(link)
        if finding.mistake in _TITLES:
            st.caption(plain(_(_TITLES[finding.mistake])))
        st.caption(f"[{_('Where this is written')}]({finding.source})")


def _key(what: str, number: int) -> str:
    return Slot(HERE, f"finding_{what}_{number}", None).key


def _point_to(trace: Trace, finding: Finding | None, lanes: str) -> None:
    """Light up its bars, and open the requests that they are of."""
    _LIT.set((trace, finding.evidence) if finding is not None else None)
    if finding is not None:
        opened: Slot[Sequence[str] | None] = Slot(lanes, "opened", None)
        opened.set(list(finding.requests[:_OPENED]))


def _demonstration(finding: Finding) -> str:
    if finding.mistake in _TITLES:
        return f"./mistakes?mistake={finding.mistake}"
    return f"./locks?scenario={finding.scenario}" if finding.scenario else ""


def _worded(text: Text) -> Text:
    """With the requests named as they are on the page."""
    return replace(text, values=tuple((name, _value(name, value)) for name, value in text.values))


def _value(name: str, value: Value | Text) -> Value | Text:
    if isinstance(value, Text):
        return _worded(value)
    return request_word(value) if name in _NAMES and isinstance(value, str) else value
