"""Where the time went: of each kind of request and each way to end, its median request, and every other as a dot.

The median request is one that was made: the one in the middle by duration (of an even number the quicker of the two).
p50 and p95 are requests, too, by nearest rank: p50 is the median request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

import plotly.graph_objects as go

from simulator.figures.labels import cut, markup, width
from simulator.figures.layout import Plain, frame
from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, TEXT_ON_LIGHT, WAIT_PATTERN, faded, text_on
from simulator.i18n import gettext as _
from simulator.traces.critical import Parts, critical_path, duration
from simulator.traces.spans import Request, Trace

ROW, TOP, BOTTOM, RIGHT = 60, 10, 34, 90
COLUMN = 7.6
#: Shares of a row's height: the bar, and where the dots lie below it.
BAR, DOTS = 0.5, 0.38


class PhaseRow(NamedTuple):
    """Requests of one kind that ended in one way; `failure` is what they failed with, "" where they did not."""

    key: str
    title: str
    failure: str
    #: name and duration of each, the quickest first
    requests: tuple[tuple[str, float], ...]
    #: the request in the middle, and what its time went into
    median: str
    parts: Parts

    @property
    def p50_ms(self) -> float:
        """Duration of the median request."""
        return _ranked(self.requests, 0.5)[1]

    @property
    def p95_ms(self) -> float:
        """So long or shorter took 95 of 100."""
        return _ranked(self.requests, 0.95)[1]


class PhasesInfo(NamedTuple):
    """Rows from the top, the slowest kind first; those of a kind that failed follow those that did not."""

    rows: tuple[PhaseRow, ...]


def phases_info(trace: Trace) -> PhasesInfo:
    """Each kind of request that ended, by its key and by what it failed with."""
    kinds: dict[str, dict[str, list[Request]]] = {}
    for request in trace.requests:
        if request.end_ms is not None:
            kinds.setdefault(request.key, {}).setdefault(request.failure, []).append(request)
    found = [[_row(trace, *each) for each in sorted(ways.items())] for ways in kinds.values()]
    found.sort(key=lambda rows: -max(row.p50_ms for row in rows))
    return PhasesInfo(tuple(row for rows in found for row in rows))


def _row(trace: Trace, failure: str, requests: Sequence[Request]) -> PhaseRow:
    by_time = sorted(requests, key=lambda request: request.length_ms(trace.duration_ms))
    timed = tuple((request.name, request.length_ms(trace.duration_ms)) for request in by_time)
    name = _ranked(timed, 0.5)[0]
    (median,) = (request for request in requests if request.name == name)
    parts = critical_path(median, trace.backends, trace.duration_ms)
    return PhaseRow(median.key, median.title or median.key or _("requests"), failure, timed, name, parts)


def _ranked(requests: Sequence[tuple[str, float]], share: float) -> tuple[str, float]:
    """The first that so large a share of them does not exceed (nearest rank)."""
    return requests[max(0, ceil(share * len(requests)) - 1)]


def plot_phases(info: PhasesInfo, dark: bool = False) -> go.Figure:
    """One trace a category, stacked; waiting is hatched. Below each bar a dot a request, and words at p50 and p95.

    Without a legend: what stands for what is told below the figure.
    """
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    names = [_name(row) for row in info.rows]
    layout = {
        **frame(text),
        "barmode": "stack",
        "height": ROW * max(len(names), 1) + TOP + BOTTOM,
        "margin": {"l": round(COLUMN * (2 + max(map(width, names), default=6))), "r": RIGHT, "t": TOP, "b": BOTTOM},
        "uniformtext": {"mode": "hide", "minsize": 12},
        "hovermode": "closest",
        "showlegend": False,
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
            "ticktext": [_tick(row) for row in info.rows],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "annotations": [note for number, row in enumerate(info.rows) for note in _notes(row, number)],
    }
    return go.Figure({"data": [*_bars(info, text), *_dots(info, text)], "layout": layout})


def _name(row: PhaseRow) -> str:
    return f"{cut(_(row.title), 34)} ×{len(row.requests)}"


def _tick(row: PhaseRow) -> str:
    name = f"{markup(_name(row))} "
    return f"{name}<br><span style='color:{RED}'>✕ {markup(cut(row.failure, 34))}</span> " if row.failure else name


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


def _bars(info: PhasesInfo, text: str) -> Iterator[Plain]:
    for look in _looks():
        yield _trace(info, *look, text)


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
        "y": [number - 0.12 for number in range(len(info.rows))],
        "x": values,
        "width": BAR,
        "text": [duration(value) for value in values],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "insidetextfont": {"color": text if hatched else text_on(color)},
        "marker": marker,
        "showlegend": any(values),
        "customdata": [[row.median] for row in info.rows],
        "hovertemplate": "%{customdata[0]} · " + name + ": %{text}<extra></extra>",
    }


def _dots(info: PhasesInfo, text: str) -> Iterator[Plain]:
    """A dot a request; a red cross where it failed."""
    dots = [(number, row, *each) for number, row in enumerate(info.rows) for each in row.requests]
    for name, failed in ((_("each request"), False), (_("each that failed"), True)):
        found = [(number, name, ms) for number, row, name, ms in dots if bool(row.failure) == failed]
        if found:
            yield {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [ms for _number, _name, ms in found],
                "y": [number + DOTS for number, _name, _ms in found],
                "marker": {
                    "symbol": "x" if failed else "circle",
                    "size": 8,
                    "opacity": 0.65,
                    "color": RED if failed else text,
                },
                "customdata": [[name] for _number, name, _ms in found],
                "hovertext": [markup(f"{name} · {duration(ms)}") for _number, name, ms in found],
                "hovertemplate": "%{hovertext}<extra></extra>",
                "showlegend": True,
                "cliponaxis": False,
            }


def _notes(row: PhaseRow, number: int) -> Iterator[Plain]:
    """The median beside its bar; p95 above its dot, where it is another."""
    yield _note(row.p50_ms, number - 0.12, f"<b>p50 {duration(row.p50_ms)}</b>", "left", 6)
    if row.p95_ms > row.p50_ms:
        yield _note(row.p95_ms, number + DOTS, f"p95 {duration(row.p95_ms)}", "left", 7)


def _note(x: float, y: float, said: str, anchor: str, shift: int) -> Plain:
    return {"x": x, "y": y, "text": said, "showarrow": False, "xanchor": anchor, "xshift": shift, "font": {"size": 14}}
