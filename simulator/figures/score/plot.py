"""The score: a lane a session, a bar a statement, hatched while it waits, red only for anomalies and aborts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from simulator.figures.labels import ELLIPSIS, cut, markup
from simulator.figures.layout import Plain
from simulator.figures.layout import frame as base_frame
from simulator.figures.palette import BARE_AXIS, GREY, WAIT_PATTERN, faded, session_colors, text_on
from simulator.figures.score import notes as score_notes
from simulator.figures.score.drawing import Drawing
from simulator.figures.score.info import HEAD, Arrow, Axis, Mark, Range, ScoreInfo, Span, Status, Stretch, Wait, inset
from simulator.figures.score.notes import waits_text
from simulator.figures.score.read import score_info, score_of
from simulator.i18n import gettext as _

__all__ = [
    "HEAD",
    "Arrow",
    "Axis",
    "Mark",
    "Range",
    "ScoreInfo",
    "Span",
    "Status",
    "Stretch",
    "Wait",
    "plot_score",
    "score_info",
    "score_of",
]

#: Pixels; the page's component scales them with the root font size.
LANE_HEIGHT, TOP, BOTTOM = 118, 10, 34
FONT_SIZE = 16
#: Height of the lane of what is stored, in lanes.
STORED_HEIGHT = 0.8
#: Its name: short, and the same in every language.
STORED = "DB"
#: Share of a lane's height.
BAR, BAND = 2 * score_notes.BAR_EDGE, 2 * score_notes.BAND_EDGE
#: Characters of a label that a place on the step axis has room for, where nobody measures (a stored figure).
COLUMNS = 12


def plot_score(info: ScoreInfo, axis: Axis = Axis.STEPS, lane_height: int = LANE_HEIGHT) -> Drawing:
    """Draw the score, a lane `lane_height` pixels high. Backgrounds are transparent and texts take the page's colour;
    `layout.meta` says, for each annotation and shape, at which position it became known."""
    lanes = max(len(info.sessions), 1) + STORED_HEIGHT * bool(info.stored)
    layout = {
        **frame(),
        "height": lanes * lane_height + TOP + BOTTOM,
        "uirevision": axis.value,
        "xaxis": x_axis([info], axis),
        "yaxis": y_axis(info.sessions, (STORED,) if info.stored else ()),
    }
    notes, outlines = list(score_notes.notes(info, axis)), list(score_notes.outlines(info, axis))
    meta = annotated(axis, [info.sessions], notes, outlines)
    if info.stored:
        meta["meta"]["lanes"][0].append({"name": STORED, "color": score_notes.SLATE})
    return Drawing.of(list(traces(info, axis)), layout | meta, axis)


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
    #: label and result, and both where there is little room
    texts: tuple[str, str]
    brief: tuple[str, str] = ("", "")


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
    less, fewer = mark.brief
    if not waits:
        texts, brief = (mark.label, _came(mark.result)), (less, _came(fewer))
        yield _Piece(mark.lane, mark.session, whole, mark, texts, brief)
        return
    yield _Piece(mark.lane, mark.session, Range(whole.start, waits[0].start), mark, (mark.label, ""), (less, ""))
    if whole.end > waits[-1].end:
        yield _Piece(mark.lane, mark.session, Range(waits[-1].end, whole.end), mark, ("", ""))


def _came(result: str) -> str:
    return f"→ {result}" if result else ""


def _waiting(info: ScoreInfo, wait: Wait, axis: Axis) -> _Piece:
    return _Piece(wait.lane, wait.session, wait.place.on(axis), info.marks[wait.mark], ("", ""))


def _skipped(mark: Mark, axis: Axis) -> _Piece:
    # It wrote nothing: what it would have written may be left out.
    texts, brief = (mark.label, _("skipped")), (mark.brief[0].partition(" =")[0], _("skipped"))
    return _Piece(mark.lane, mark.session, mark.place.on(axis), mark, texts, brief)


def _bars(pieces: Sequence[_Piece], axis: Axis, **looks: Any) -> Plain:
    ranges = [inset(piece.where, piece.mark.place, axis) for piece in pieces]
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
        "customdata": [[piece.mark.position, *piece.texts, *_untold(piece.mark), *piece.brief] for piece in pieces],
        "hovertext": ["<br>".join((_sent(piece.mark), *_came_of_it(piece.mark))) for piece in pieces],
        "hovertemplate": "%{hovertext}<extra></extra>",
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


def _sent(mark: Mark) -> str:
    """What is told of a statement to whoever points at it before it has come."""
    return "<br>".join((f"<b>{markup(mark.step)}</b>", *map(markup, mark.sql.splitlines() or [mark.label])))


def _untold(mark: Mark) -> tuple[str, str, int | None]:
    """What may be told before the end of the statement is known: what was sent, while it waits for whom, until when."""
    sent = _sent(mark)
    return sent, f"{sent}<br>{markup(waits_text(mark.waited_for))}", mark.settled_at


def _came_of_it(mark: Mark) -> Iterator[str]:
    if mark.result:
        yield "→ " + markup(mark.result)
    if mark.sqlstate:
        yield f"✕ {mark.sqlstate}"
        yield from filter(None, (score_notes.meanings(mark.sqlstate),))
    if mark.detail:
        yield markup(mark.detail)
    if mark.status is not Status.SKIPPED:
        yield f"{mark.place.ms.end - mark.place.ms.start:.2f} ms"


def frame() -> Plain:
    """What every figure of this kind has in its layout."""
    return {
        **base_frame(),
        "barmode": "overlay",
        "bargap": 0,
        "margin": {"l": 64, "r": 18, "t": TOP, "b": BOTTOM},
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


def y_axis(sessions: Sequence[str], stored: Sequence[str] = ()) -> Plain:
    """Lanes from the top; `stored` is the name of a flat one below them."""
    lanes = max(len(sessions), 1)
    return {
        "range": [lanes - 0.5 + STORED_HEIGHT * len(stored), -0.5],
        "tickvals": list(range(lanes + len(stored))),
        "ticktext": [f"<b>{markup(name)}</b>" for name in (*sessions, *stored)],
        **BARE_AXIS,
    }


def _step_names(positions: Sequence[float]) -> list[str]:
    numbers = [str(int(position) + 1) for position in positions]
    return [_("step {n}").format(n=number) if number == "1" else number for number in numbers]
