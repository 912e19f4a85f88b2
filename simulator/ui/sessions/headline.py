"""What the run came to: four numbers on one strip, and what is not as it should be."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import Totals, duration, totals
from simulator.traces.pool import pool_totals
from simulator.traces.spans import Trace
from simulator.ui.kit import boxes
from simulator.ui.kit.boxes import Box
from simulator.ui.kit.plain import plain
from simulator.ui.sessions.runs import Shown

#: Errors that the strip names.
MAX_FAILURES = 3


def show(shown: Shown) -> None:
    """Who was answered, how long it took, who waited for the pool, what the database holds afterwards."""
    st.html(boxes.html(numbers(shown), strip=True))
    if shown.title:
        st.info(_("This is the history that you opened: {title}").format(title=plain(shown.title)), icon="📄")
    if shown.result is not None and shown.result.stopped:
        st.info(_("You stopped this run: what had not ended then has no end here."), icon="⏹️")
    if shown.result is not None and shown.result.killed:
        killed = shown.result.killed
        st.info(
            ngettext(
                "Half-way, the server ended {number} connection; it lay in the pool.",
                "Half-way, the server ended {number} connections; they lay in the pool.",
                killed,
            ).format(number=killed),
            icon="💥",
        )
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


def numbers(shown: Shown) -> tuple[Box, ...]:
    """What stands on the strip."""
    trace, sums = shown.trace, totals(shown.trace)
    waiting = pool_totals(trace).waiting
    overload: boxes.Tone = "wrong" if sums.timed_out else ""
    return (
        Box(_("Answered"), f"{sums.ok} / {sums.requests}", _failed(sums), overload, key="answered"),
        Box(_("All done after"), duration(trace.duration_ms), key="time"),
        Box(_("Waiting for the pool, at most"), str(waiting), _refused(sums.timed_out), overload, key="waiting"),
        _last(shown, trace),
    )


def _last(shown: Shown, trace: Trace) -> Box:
    if shown.result is not None and shown.result.messages is not None:
        return Box(_("Messages stored"), str(shown.result.messages), key="messages")
    return Box(_("Connections used"), str(len({each.backend for each in trace.connections})), key="connections")


def _failed(sums: Totals) -> str:
    parts = [_("{count} × {what}").format(count=count, what=what) for what, count in sums.failures[:MAX_FAILURES]]
    if len(sums.failures) > MAX_FAILURES:
        parts.append("…")
    if sums.failed:
        parts.insert(0, ngettext("{number} failed", "{number} failed", sums.failed).format(number=sums.failed))
    if sums.unended:
        parts.append(ngettext("{number} not ended", "{number} not ended", sums.unended).format(number=sums.unended))
    return " · ".join(parts)


def _refused(timed_out: int) -> str:
    if not timed_out:
        return ""
    return ngettext("{number} in vain: TimeoutError", "{number} in vain: TimeoutError", timed_out).format(
        number=timed_out
    )
