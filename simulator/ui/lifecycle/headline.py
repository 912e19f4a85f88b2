"""What the run came to, in four numbers and a sentence."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import duration, totals
from simulator.traces.pool import occupancy
from simulator.ui.lifecycle.runs import Shown
from simulator.ui.plain import plain


def show(shown: Shown) -> None:
    """Who was answered, how long it took, who waited for the pool, what the database holds afterwards."""
    trace, sums = shown.trace, totals(shown.trace)
    moments = occupancy(trace)
    told, time, pool, rows = st.columns(4)
    told.metric(
        _("Answered"),
        f"{sums.ok} / {sums.requests}",
        delta=ngettext("{number} failed", "{number} failed", sums.failed).format(number=sums.failed)
        if sums.failed
        else None,
        delta_color="inverse" if sums.timed_out else "off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    time.metric(_("All done after"), duration(trace.duration_ms), border=True, height="stretch")
    pool.metric(
        _("Waiting for the pool, at most"),
        max((moment.waiting for moment in moments), default=0),
        delta=_refused(sums.timed_out),
        delta_color="inverse",
        delta_arrow="off",
        border=True,
        height="stretch",
    )
    if shown.result is not None:
        rows.metric(_("Messages stored"), shown.result.messages, border=True, height="stretch")
    else:
        rows.metric(
            _("Connections used"), len({each.backend for each in trace.connections}), border=True, height="stretch"
        )
    if shown.title:
        st.info(_("This is the history that you opened: {title}").format(title=plain(shown.title)), icon="📄")
    if shown.result is not None and shown.result.leaked:
        leaked = shown.result.leaked
        st.warning(
            ngettext(
                "{number} connection was not back in the pool when every request had ended.",
                "{number} connections were not back in the pool when every request had ended.",
                leaked,
            ).format(number=leaked),
            icon="💧",
        )


def _refused(timed_out: int) -> str | None:
    if not timed_out:
        return None
    return ngettext("{number} in vain: TimeoutError", "{number} in vain: TimeoutError", timed_out).format(
        number=timed_out
    )
