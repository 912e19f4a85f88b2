"""The score: a lane a session, a bar a statement, hatched while it waits, red only for anomalies and aborts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import plotly.graph_objects as go

from simulator.figures import score_notes
from simulator.figures.labels import ELLIPSIS, cut, markup
from simulator.figures.palette import GREY, WAIT_PATTERN, faded, session_colors, text_on
from simulator.figures.score_info import HEAD, Arrow, Axis, Mark, Place, Range, ScoreInfo, Span, Status, Wait, inset
from simulator.figures.score_reader import score_info
from simulator.i18n import gettext as _

__all__ = [
    "HEAD",
    "Arrow",
    "Axis",
    "Mark",
    "Place",
    "Range",
    "ScoreInfo",
    "Span",
    "Status",
    "Wait",
    "plot_score",
    "score_info",
]

#: Pixels; the page's component scales them with the root font size.
LANE_HEIGHT, TOP, BOTTOM = 118, 10, 34
FONT_SIZE = 16
#: Share of a lane's height.
BAR, BAND = 2 * score_notes.BAR_EDGE, 2 * score_notes.BAND_EDGE
#: Characters of a label that a place on the step axis has room for, where nobody measures (a stored figure).
COLUMNS = 12


#: A trace or a layout as plain data: Plotly checks a figure once, when it is whole (6 ms, and 12 bit by bit).
Plain = dict[str, Any]


def plot_score(info: ScoreInfo, axis: Axis = Axis.STEPS, lane_height: int = LANE_HEIGHT) -> go.Figure:
    """Draw the score, a lane `lane_height` pixels high. Backgrounds are transparent and texts take the page's colour;
    `layout.meta` says, for each annotation and shape, at which position it became known."""
    lanes = max(len(info.sessions), 1)
    layout = {
        **frame(),
        "height": lanes * lane_height + TOP + BOTTOM,
        "uirevision": axis.value,
        "xaxis": x_axis([info], axis),
        "yaxis": y_axis(info.sessions),
    }
    notes, outlines = list(score_notes.notes(info, axis)), list(score_notes.outlines(info, axis))
    return assembled(list(traces(info, axis)), layout, annotated(axis, [info.sessions], notes, outlines))


def assembled(data: list[Plain], *layouts: Plain) -> go.Figure:
    """The figure of these traces and these parts of a layout."""
    return go.Figure({"data": data, "layout": {name: part for layout in layouts for name, part in layout.items()}})


def annotated(
    axis: Axis,
    rows: Sequence[Sequence[str]],
    notes: Sequence[score_notes.Note],
    outlines: Sequence[score_notes.Note],
    titles: int = 0,
) -> Plain:
    """The part of a layout with the notes, and in `meta` what the page's component must know of them.

    `rows` are the sessions on each y axis; the first `titles` notes are their titles, which stay in sight when the
    chart scrolls.
    """
    lanes = [[{"name": name, "color": color} for name, color in session_colors(row).items()] for row in rows]
    return {
        "annotations": [note.spec for note in notes],
        "shapes": [outline.spec for outline in outlines],
        "meta": {
            "axis": axis.value,
            "lanes": lanes,
            "notes": [_note_meta(note) for note in notes],
            "titles": titles,
            "shapes": [outline.known_at for outline in outlines],
        },
    }


def _note_meta(note: score_notes.Note) -> dict[str, Any]:
    start, end = note.room or (None, None)
    return {"since": note.known_at, "from": start, "to": end, "short": note.short}


class _Piece(NamedTuple):
    """One bar: a part of a mark or of a wait."""

    lane: int
    session: str
    where: Range
    mark: Mark
    texts: tuple[str, str]


def traces(info: ScoreInfo, axis: Axis, suffix: str = "") -> Iterator[Plain]:
    """One trace a category, on the axes `x` and `y` + suffix."""
    colors = session_colors(info.sessions)
    refs = {"xaxis": "x", "yaxis": f"y{suffix}"}
    yield {**refs, **_band(info, axis, colors)}
    ran = [piece for mark in info.marks if mark.status is not Status.SKIPPED for piece in _solid(info, mark, axis)]
    yield refs | _bars(
        ran,
        axis,
        name=_("statement"),
        marker={"color": [colors[piece.session] for piece in ran], "line": {"width": 0}},
        insidetextfont={"color": [text_on(colors[piece.session]) for piece in ran]},
    )
    waits = [_waiting(info, wait, axis) for wait in info.waits if wait.place.on(axis).end > wait.place.on(axis).start]
    yield refs | _bars(
        waits,
        axis,
        name=_("waits"),
        marker={
            "color": [colors[piece.session] for piece in waits],
            "line": {"width": 2, "color": [colors[piece.session] for piece in waits]},
            "pattern": {**WAIT_PATTERN, "bgcolor": [faded(colors[piece.session], 0.16) for piece in waits]},
        },
    )
    skipped = [_skipped(mark, axis) for mark in info.marks if mark.status is Status.SKIPPED]
    yield refs | _bars(
        skipped,
        axis,
        name=_("skipped"),
        marker={"color": faded(GREY, 0.1), "line": {"width": 0}},
        insidetextfont={"color": GREY},
    )


def _solid(info: ScoreInfo, mark: Mark, axis: Axis) -> Iterator[_Piece]:
    """A statement without the parts in which it waits."""
    whole = mark.place.on(axis)
    waits = [wait.place.on(axis) for wait in info.waits if wait.mark == mark.position]
    if not waits:
        yield _Piece(mark.lane, mark.session, whole, mark, (mark.label, f"→ {mark.result}" if mark.result else ""))
        return
    yield _Piece(mark.lane, mark.session, Range(whole.start, waits[0].start), mark, (mark.label, ""))
    if whole.end > waits[-1].end:
        yield _Piece(mark.lane, mark.session, Range(waits[-1].end, whole.end), mark, ("", ""))


def _waiting(info: ScoreInfo, wait: Wait, axis: Axis) -> _Piece:
    return _Piece(wait.lane, wait.session, wait.place.on(axis), info.marks[wait.mark], ("", ""))


def _skipped(mark: Mark, axis: Axis) -> _Piece:
    return _Piece(mark.lane, mark.session, mark.place.on(axis), mark, (mark.label, _("skipped")))


def _bars(pieces: Sequence[_Piece], axis: Axis, **looks: Any) -> Plain:
    ranges = [inset(piece.where, piece.mark.place, axis) for piece in pieces]
    durations = [piece.mark.place.ms.end - piece.mark.place.ms.start for piece in pieces]
    return {
        "type": "bar",
        "orientation": "h",
        "y": [piece.lane for piece in pieces],
        "base": [where.start for where in ranges],
        "x": [where.end - where.start for where in ranges],
        "width": BAR,
        "text": [_wrapped(*piece.texts) for piece in pieces],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "constraintext": "none",
        "cliponaxis": True,
        "customdata": [
            [piece.mark.position, *piece.texts, duration] for piece, duration in zip(pieces, durations, strict=True)
        ],
        "hovertext": [_hover(piece.mark) for piece in pieces],
        "hovertemplate": "%{hovertext}<br>%{customdata[3]:.2f} ms<extra></extra>",
        **looks,
    }


def _band(info: ScoreInfo, axis: Axis, colors: dict[str, str]) -> Plain:
    """Transactions, behind everything: where nothing stands on the band, the session is idle in its transaction."""
    ranges = [span.place.on(axis) for span in info.spans]
    return {
        "type": "bar",
        "name": _("transaction"),
        "orientation": "h",
        "y": [span.lane for span in info.spans],
        "base": [where.start for where in ranges],
        "x": [where.end - where.start for where in ranges],
        "width": BAND,
        "marker": {
            "color": [faded(colors[span.session], 0.14) for span in info.spans],
            "line": {"width": 1.5, "color": [faded(colors[span.session], 0.55) for span in info.spans]},
            "cornerradius": 6,
        },
        "hoverinfo": "skip",
    }


def _wrapped(label: str, result: str) -> str:
    lines = [markup(cut(line, COLUMNS)) for line in wrap(label, COLUMNS, max_lines=2, placeholder=ELLIPSIS)]
    if result:
        lines.append(f"<b>{markup(cut(result, COLUMNS))}</b>")
    return "<br>".join(lines)


def _hover(mark: Mark) -> str:
    lines = [f"<b>{markup(mark.step)}</b>", *(markup(line) for line in mark.sql.splitlines() or [mark.label])]
    if mark.result:
        lines.append("→ " + markup(mark.result))
    if mark.sqlstate:
        lines.append(f"✕ {mark.sqlstate}")
    if mark.detail:
        lines.append(markup(mark.detail))
    return "<br>".join(lines)


def frame() -> Plain:
    """What every figure of this kind has in its layout."""
    return {
        "template": {},
        "barmode": "overlay",
        "bargap": 0,
        "margin": {"l": 64, "r": 18, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": FONT_SIZE},
        "hoverlabel": {"align": "left"},
        "showlegend": False,
        "dragmode": "zoom",
    }


def x_axis(infos: Sequence[ScoreInfo], axis: Axis) -> Plain:
    """Steps, numbered from 1, or milliseconds; wide enough for all of these scores."""
    places = [mark.place.on(axis) for info in infos for mark in info.marks]
    places += [span.place.on(axis) for info in infos for span in info.spans]
    end = max((place.end for place in places), default=1.0)
    plain = {"showline": False, "zeroline": False, "ticks": ""}
    if axis is Axis.TIME:
        return {**plain, "range": [-0.02 * end, 1.02 * end], "ticksuffix": " ms", "showgrid": True}
    positions = sorted({mark.place.steps.start for info in infos for mark in info.marks})
    return {
        **plain,
        "range": [0, end],
        "showgrid": False,
        "tickvals": [position + 0.5 for position in positions],
        "ticktext": _step_names(positions),
    }


def y_axis(sessions: Sequence[str]) -> Plain:
    """Lanes from the top."""
    lanes = max(len(sessions), 1)
    return {
        "range": [lanes - 0.5, -0.5],
        "tickvals": list(range(lanes)),
        "ticktext": [f"<b>{markup(session)}</b>" for session in sessions],
        "showgrid": False,
        "showline": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }


def _step_names(positions: Sequence[float]) -> list[str]:
    numbers = [str(int(position) + 1) for position in positions]
    return [_("step {n}").format(n=number) if number == "1" else number for number in numbers]
