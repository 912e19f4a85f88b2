"""Where the time went: of each kind of request, of one request, and of all."""

from __future__ import annotations

from dataclasses import astuple
from types import MappingProxyType
from typing import Any

import streamlit as st

from simulator.figures.phases import phases_info, plot_phases
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.traces.critical import critical_path, sentence, totals
from simulator.traces.spans import Request, Trace
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
    rows = [_row(each, astuple(critical_path(each, trace.backends, trace.duration_ms))) for each in by_time]
    rows.append({_("Request"): _("all"), **_times(astuple(totals(trace).parts))})
    st.dataframe(rows, hide_index=True, column_config=_config())
    st.caption(
        _(
            "Milliseconds. Lock waits are sampled from pg_stat_activity every 10 ms: shorter ones are counted as SQL. "
            "Application is Python, and waiting for a processor."
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
    st.caption(
        _(
            "Each bar is one request that was made: {names}. Those that failed stand apart, by what they failed with. "
            "p50 and p95 are requests, too: half of them, and 95 of 100, took no longer."
        ).format(names=", ".join(f"{plain(row.median)}" for row in info.rows[:MAX_NAMED]))
    )


def title(request: Request | None) -> str:
    return (
        " · ".join(filter(None, (request.name, _(request.title) if request.title else request.key))) if request else ""
    )


def _row(request: Request, parts: tuple[float, ...]) -> dict[str, object]:
    return {
        _("Request"): title(request),
        _("Outcome"): _(_OUTCOMES.get(request.outcome, request.outcome or "–")),
        **_times(parts),
    }


def _times(parts: tuple[float, ...]) -> dict[str, object]:
    return {_("Total"): sum(parts), **dict(zip(_names(), parts, strict=True))}


def _names() -> tuple[str, ...]:
    """In the order of Parts."""
    return (_("Pool queue"), _("Connecting"), _("Lock"), _("SQL"), _("COMMIT"), _("LLM"), _("Application"))


def _config() -> dict[str, Any]:
    return {name: st.column_config.NumberColumn(format="%.1f") for name in (_("Total"), *_names())}
