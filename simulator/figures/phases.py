"""Where the time went: a stacked bar a kind of request, of its median request: the medians of its parts."""

from __future__ import annotations

from dataclasses import fields
from statistics import median
from typing import Any, NamedTuple

import plotly.graph_objects as go

from simulator.figures.labels import cut, markup, width
from simulator.figures.palette import GREY, TEXT_ON_DARK, TEXT_ON_LIGHT, WAIT_PATTERN, faded, text_on
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.critical import Parts, critical_path, duration
from simulator.traces.spans import Request, Trace

Plain = dict[str, Any]

ROW, TOP, BOTTOM, RIGHT = 44, 44, 34, 90
COLUMN = 7.6


class PhaseRow(NamedTuple):
    """The median over the requests of one kind, for each part on its own: the sum need not be anybody's duration."""

    key: str
    title: str
    requests: int
    parts: Parts


class PhasesInfo(NamedTuple):
    """Rows from the top, the slowest kind first."""

    rows: tuple[PhaseRow, ...]


def phases_info(trace: Trace) -> PhasesInfo:
    """Each kind of request that ended, by its key."""
    kinds: dict[str, list[Request]] = {}
    for request in trace.requests:
        if request.end_ms is not None:
            kinds.setdefault(request.key, []).append(request)
    rows = (_row(trace, key, requests) for key, requests in kinds.items())
    return PhasesInfo(tuple(sorted(rows, key=lambda row: -row.parts.total_ms)))


def _row(trace: Trace, key: str, requests: list[Request]) -> PhaseRow:
    every = [critical_path(request, trace.backends, trace.duration_ms) for request in requests]
    middle = {field.name: median(getattr(parts, field.name) for parts in every) for field in fields(Parts)}
    return PhaseRow(key, requests[0].title or key or _("requests"), len(requests), Parts(**middle))


def plot_phases(info: PhasesInfo, dark: bool = False) -> go.Figure:
    """One trace a category, stacked; waiting is hatched."""
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    names = [_name(row) for row in info.rows]
    data = [_trace(info, *look, text) for look in _looks()]
    layout = {
        "template": {},
        "barmode": "stack",
        "bargap": 0.3,
        "height": ROW * max(len(names), 1) + TOP + BOTTOM,
        "margin": {"l": round(COLUMN * (2 + max(map(width, names), default=6))), "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 16, "color": text},
        "uniformtext": {"mode": "hide", "minsize": 12},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "font": {"size": 14},
            "traceorder": "normal",
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "xaxis": {
            "ticksuffix": " ms",
            "exponentformat": "none",
            "separatethousands": True,
            "tickfont": {"size": 14},
            "gridcolor": faded(GREY, 0.25),
            "zeroline": False,
            "rangemode": "tozero",
        },
        "yaxis": {
            "range": [max(len(names), 1) - 0.5, -0.5],
            "tickvals": list(range(len(names))),
            "ticktext": [f"{markup(name)} " for name in names],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "annotations": [_total(row, number) for number, row in enumerate(info.rows)],
    }
    return go.Figure({"data": data, "layout": layout})


def _name(row: PhaseRow) -> str:
    return f"{cut(_(row.title), 34)} ×{row.requests}"


def _looks() -> tuple[tuple[str, str, str, bool], ...]:
    """Field of Parts, name, colour as in the swimlanes, hatched."""
    return (
        ("queue_ms", _("pool queue"), GREY, True),
        ("connecting_ms", _("connecting"), "#56B4E9", False),
        ("lock_ms", _("lock wait (sampled)"), "#0072B2", True),
        ("sql_ms", _("statements"), "#0072B2", False),
        ("commit_ms", _("COMMIT or ROLLBACK"), "#009E73", False),
        ("work_ms", _("LLM, other work"), "#E69F00", False),
        ("application_ms", _("application"), "#C3C8D0", False),
    )


def _trace(info: PhasesInfo, field: str, name: str, color: str, hatched: bool, text: str) -> Plain:
    values = [getattr(row.parts, field) for row in info.rows]
    marker: Plain = {"color": color, "line": {"width": 0}}
    if hatched:
        ground = "#1B2027" if text == TEXT_ON_DARK else "#F3F4F6"
        pattern = {**WAIT_PATTERN, "size": 7, "bgcolor": ground, "fgcolor": faded(color, 0.6)}
        marker = {"color": color, "line": {"width": 1, "color": color}, "pattern": pattern}
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(range(len(info.rows))),
        "x": values,
        "text": [duration(value) for value in values],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "insidetextfont": {"color": text if hatched else text_on(color)},
        "marker": marker,
        "customdata": [[row.key] for row in info.rows],
        "hovertemplate": f"{name}: %{{text}}<extra></extra>",
    }


def _total(row: PhaseRow, number: int) -> Plain:
    total = duration(row.parts.total_ms)
    return {
        "x": row.parts.total_ms,
        "y": number,
        "text": f"<b>{total}</b>",
        "showarrow": False,
        "xanchor": "left",
        "xshift": 6,
        "hovertext": ngettext("median of {n} request", "medians of {n} requests", row.requests).format(n=row.requests),
    }
