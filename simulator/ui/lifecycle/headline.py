"""What the run came to: four numbers on one strip, and what is not as it should be."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import Totals, duration, totals
from simulator.traces.pool import occupancy
from simulator.traces.spans import Trace
from simulator.ui.lifecycle.runs import Shown
from simulator.ui.plain import plain


class Number(NamedTuple):
    """One of the strip; `bad` where the remark tells of an overload."""

    key: str
    label: str
    value: str
    remark: str = ""
    bad: bool = False


def show(shown: Shown) -> None:
    """Who was answered, how long it took, who waited for the pool, what the database holds afterwards."""
    st.html(f'<div class="tx-numbers">{"".join(map(_box, numbers(shown)))}</div>')
    if shown.title:
        st.info(_("This is the history that you opened: {title}").format(title=plain(shown.title)), icon="📄")
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


def numbers(shown: Shown) -> tuple[Number, ...]:
    """What stands on the strip."""
    trace, sums = shown.trace, totals(shown.trace)
    waiting = max((moment.waiting for moment in occupancy(trace)), default=0)
    refused = _refused(sums.timed_out)
    return (
        Number("answered", _("Answered"), f"{sums.ok} / {sums.requests}", _failed(sums), bool(sums.timed_out)),
        Number("time", _("All done after"), duration(trace.duration_ms)),
        Number("waiting", _("Waiting for the pool, at most"), str(waiting), refused, bool(refused)),
        _last(shown, trace),
    )


def _last(shown: Shown, trace: Trace) -> Number:
    if shown.result is not None:
        return Number("messages", _("Messages stored"), str(shown.result.messages))
    return Number("connections", _("Connections used"), str(len({each.backend for each in trace.connections})))


def _failed(sums: Totals) -> str:
    parts = []
    if sums.failed:
        parts.append(ngettext("{number} failed", "{number} failed", sums.failed).format(number=sums.failed))
    if sums.unended:
        parts.append(ngettext("{number} not ended", "{number} not ended", sums.unended).format(number=sums.unended))
    return " · ".join(parts)


def _refused(timed_out: int) -> str:
    if not timed_out:
        return ""
    return ngettext("{number} in vain: TimeoutError", "{number} in vain: TimeoutError", timed_out).format(
        number=timed_out
    )


def _box(number: Number) -> str:
    bad = ' class="tx-numbers-bad"' if number.bad else ""
    remark = f"<span{bad}>{escape(number.remark)}</span>" if number.remark else ""
    return (
        f'<div data-number="{number.key}"><small>{escape(number.label)}</small>'
        f"<div><b>{escape(number.value)}</b> {remark}</div></div>"
    )
