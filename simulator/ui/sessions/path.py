"""Where the time went: of each kind of request, of one request, and of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.figures.phases import phases_info, plot_phases
from simulator.figures.swimlanes.words import lane_words, request_word
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.traces.critical import critical_path, sentence, totals
from simulator.traces.spans import Request, Trace
from simulator.ui.components import legend
from simulator.ui.components.chart_view import chart_view
from simulator.ui.kit.plain import plain
from simulator.ui.sessions.runs import Shown

#: How the recorder ends a request; what a web application traced itself ends with its status.
_OUTCOMES = MappingProxyType({"ok": N_("ok"), "failed": N_("failed")})

#: Median requests that the caption names.
MAX_NAMED = 8


def show(shown: Shown) -> None:
    """The slowest request first; every request is one row, its time divided."""
    trace = shown.trace
    if not trace.requests:
        st.caption(_("There is no request in this history."))
        return
    _phases(trace)
    by_time = sorted(trace.requests, key=lambda request: -request.length_ms(trace.duration_ms))
    chosen = st.selectbox(
        _("Request"),
        [request.name for request in by_time],
        key="sessions_path",
        format_func=lambda name: title(trace.request(name)),
    )
    request = trace.request(str(chosen))
    if request is not None:
        st.markdown(f"#### {plain(sentence(critical_path(request, trace.backends, trace.duration_ms)))}")
        if request.error:
            st.markdown(f":red[✕ {plain(request.error)}]")
    st.html(table(trace, by_time))
    st.caption(
        _(
            "Milliseconds. Lock waits are sampled from pg_stat_activity every 10 ms: shorter ones are counted as SQL. "
            "Application is Python, taking a connection that lies ready, and waiting for a processor."
        )
    )


def _phases(trace: Trace) -> None:
    info = phases_info(trace)
    if not info.rows:
        return
    figure = plot_phases(info, dark=st.context.theme.type == "dark")
    figure.update_layout(uirevision=f"phases {trace.duration_ms}")
    st.markdown(_("**The median request of each kind**"))
    chart_view(
        figure,
        key="sessions_phases",
        label=_("A bar a kind of request: what the time of its median request went into; below it a dot a request"),
    )
    legend.show(figure)
    st.caption(
        _(
            "Each bar is one request that was made: {names}. Those that failed stand apart, by what they failed with. "
            "p50 and p95 are requests, too: half of them, and 95 of 100, took no longer."
        ).format(names=_(", ").join(plain(request_word(row.median)) for row in info.rows[:MAX_NAMED]))
    )


def title(request: Request | None) -> str:
    """As its lane is called."""
    return lane_words(request) if request else ""


def table(trace: Trace, requests: Sequence[Request]) -> str:
    """A row a request and one of all, in milliseconds; as HTML, in the page's own size of letters."""
    heads = (_("Request"), _("Outcome"), _("Total"), *_names())
    rows = [
        _row(title(each), _outcome(each), astuple(critical_path(each, trace.backends, trace.duration_ms)))
        for each in requests
    ]
    rows.append(_row(_("all"), "", astuple(totals(trace).parts)))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return f'<div class="tx-wide tx-long"><table class="tx-times"><tr>{head}</tr>{"".join(rows)}</table></div>'


def _row(name: str, outcome: str, parts: tuple[float, ...]) -> str:
    cells = (outcome, *(f"{ms:.1f}" for ms in (sum(parts), *parts)))
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


def _outcome(request: Request) -> str:
    return _(_OUTCOMES.get(request.outcome, request.outcome or "–"))


def _names() -> tuple[str, ...]:
    """In the order of Parts."""
    return (_("Pool queue"), _("Connecting"), _("Lock"), _("SQL"), _("COMMIT"), _("LLM"), _("Application"))
