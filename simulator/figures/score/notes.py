"""What stands on the bars of a score: pills, end marks, arrows, outlines; each with the position it became known at."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Any, NamedTuple

from simulator.anomalies.explain import title
from simulator.figures.labels import markup
from simulator.figures.palette import GREY, RED, session_colors, text_on
from simulator.figures.score.info import Axis, Range, ScoreInfo, Status, inset
from simulator.figures.terms import pieces
from simulator.history.words import TransactionOutcome
from simulator.i18n import gettext as _

#: Half a bar, and half the band of a transaction behind it, in lanes; pills sit on the edge of the band.
BAR_EDGE, BAND_EDGE = 0.29, 0.405
#: The same of the lane of what is stored.
STORED_EDGE = 0.2
#: Characters of a line beside a pointer.
HOVER_COLUMNS = 60
#: Neither good nor bad, dark enough for white text.
SLATE, GREEN = "#5A616C", "#1B7F4B"


class Note(NamedTuple):
    """An annotation or a shape, as Plotly takes it; it is shown from position `known_at` on."""

    spec: dict[str, Any]
    known_at: int
    #: on the x axis, what a text must fit into; None: it may stand out
    room: Range | None = None
    #: what to write where the text does not fit, or would lie on a neighbour at the same height
    short: str = ""


def notes(info: ScoreInfo, axis: Axis, suffix: str = "") -> Iterator[Note]:
    """Annotations, in drawing order."""
    refs = {"xref": "x", "yref": f"y{suffix}"}
    for make in (_arrows, _waits, _results, _ends, _attempts, _closing, _stored):
        for note in make(info, axis):
            arrow = {"axref": refs["xref"], "ayref": refs["yref"]} if note.spec["showarrow"] else {}
            yield note._replace(spec={**note.spec, **refs, **arrow, **_told(note.spec["text"])})


def _told(text: str) -> dict[str, str]:
    """What is told of the terms in a pill to whoever points at it."""
    meaning = meanings(text)
    return {"hovertext": meaning} if meaning else {}


def meanings(text: str) -> str:
    """The meaning of each term in a text, in lines that fit beside a pointer; as Plotly must be given it."""
    sentences = dict.fromkeys(str(piece.term.sentence) for piece in pieces(text) if piece.term is not None)
    return "<br>".join(markup(line) for sentence in sentences for line in wrap(sentence, HOVER_COLUMNS))


def outlines(info: ScoreInfo, axis: Axis, suffix: str = "") -> Iterator[Note]:
    """Shapes: red around the statements of the cycle, dashes around skipped steps, boxes of what is stored."""
    refs = {"xref": "x", "yref": f"y{suffix}", "type": "rect"}
    for mark in info.marks:
        where = inset(mark.place.on(axis), mark.place, axis)
        box = {**refs, "x0": where.start, "x1": where.end, "y0": mark.lane - BAR_EDGE, "y1": mark.lane + BAR_EDGE}
        if mark.in_cycle:
            yield from _frames(info, mark.position, box)
        if mark.status is Status.SKIPPED:
            yield Note({**box, "line": {"color": GREY, "width": 1.5, "dash": "dash"}}, mark.position)
    for stored in info.stored:
        where, lane = inset(stored.place.on(axis), stored.place, axis), len(info.sessions)
        fill = RED if stored.wrong else SLATE
        box = {**refs, "x0": where.start, "x1": where.end, "y0": lane - STORED_EDGE, "y1": lane + STORED_EDGE}
        yield Note({**box, "fillcolor": fill, "line": {"color": fill, "width": 1}, "layer": "below"}, stored.known_at)
    if axis is Axis.STEPS and len(info.marks) > info.scheduled:
        yield Note(
            {
                "xref": "x",
                "type": "line",
                "yref": f"y{suffix} domain",
                "x0": info.scheduled,
                "x1": info.scheduled,
                "y0": 0,
                "y1": 1,
                "line": {"color": GREY, "width": 1.5, "dash": "dot"},
            },
            info.scheduled - 1,
        )


def _frames(info: ScoreInfo, position: int, box: dict[str, Any]) -> Iterator[Note]:
    """Dashed from the moment the circle closed, for one of them can still roll back; whole from the last commit."""
    closed = max(position, info.closed_at if info.closed_at is not None else position)
    final = closed if info.final is None else max(closed, info.final)
    if closed < final:
        yield Note({**box, "line": {"color": RED, "width": 3, "dash": "dot"}}, closed)
    yield Note({**box, "line": {"color": RED, "width": 4}}, final)


def waits_text(by: tuple[str, ...], inferred: bool = False) -> str:
    """`waits for T1`."""
    text = _("waits for {sessions}").format(sessions=", ".join(by)) if by else _("waits")
    return f"{text} ({_('inferred')})" if inferred else text


def _arrows(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    for arrow in info.arrows:
        where = arrow.place.on(axis)
        down = 1 if arrow.target_lane > arrow.source_lane else -1
        yield Note(
            {
                "x": where.end,
                "y": arrow.target_lane - down * BAR_EDGE,
                "ax": where.start,
                "ay": arrow.source_lane + down * BAR_EDGE,
                "text": "",
                "showarrow": True,
                "arrowhead": 2,
                "arrowsize": 1.1,
                "arrowwidth": 3,
                "arrowcolor": GREY,
            },
            arrow.known_at,
        )


def _waits(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    colors = session_colors(info.sessions)
    for wait in info.waits:
        where = wait.place.on(axis)
        text = markup(waits_text(wait.by, wait.inferred))
        pill = _pill(where.start, wait.lane, text, colors[wait.session])
        yield Note({**pill, "xanchor": "left", "xshift": 5}, wait.known_at, where, ", ".join(wait.by))


def _results(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    """What a statement that had waited came to; one that did not carries it on its bar."""
    colors = session_colors(info.sessions)
    waited = {wait.mark for wait in info.waits}
    for mark in info.marks:
        if mark.position in waited and mark.settled_at is not None and mark.result:
            text = f"<b>→ {markup(mark.brief[1])}</b>"
            pill = _pill(mark.place.on(axis).end, mark.lane, text, colors[mark.session])
            yield Note({**pill, "xanchor": "right", "xshift": -12}, mark.settled_at)


def _ends(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    """How each transaction ended."""
    for span in info.spans:
        if span.outcome is None:
            continue
        text, fill = _end_look(span.outcome, span.sqlstate)
        pill = _pill(span.place.on(axis).end, span.lane + BAND_EDGE, f"<b>{text}</b>", fill)
        yield Note({**pill, "xanchor": "right", "xshift": -12}, span.known_at)


def _end_look(outcome: TransactionOutcome, sqlstate: str | None) -> tuple[str, str]:
    if outcome == TransactionOutcome.ABORTED:
        return f"✕ {sqlstate or _('gave up')}", RED
    return _ENDS[outcome]


#: How a transaction ended that no error ended; nobody ended one that is left open.
_ENDS = {
    TransactionOutcome.COMMITTED: ("✓", GREEN),
    TransactionOutcome.ROLLED_BACK: ("✕", SLATE),
    TransactionOutcome.PREPARED: ("✓?", SLATE),
    TransactionOutcome.OPEN: ("…", SLATE),
}


def _attempts(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    for span in info.spans:
        if span.attempt > 1:
            text = _("second attempt") if span.attempt == 2 else _("attempt {n}").format(n=span.attempt)
            note = _pill(span.place.on(axis).start, span.lane - BAND_EDGE, f"↻ {markup(text)}", SLATE)
            yield Note({**note, "xanchor": "left"}, _first_mark(info, span.name))


def _first_mark(info: ScoreInfo, transaction: str) -> int:
    return next((mark.position for mark in info.marks if mark.transaction == transaction), len(info.marks))


def _closing(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    """Where the circle closes, and where it becomes final: until then one of its transactions can roll back."""
    if info.closing is None or info.closed_at is None or info.anomaly is None:
        return
    name, short = title(info.anomaly), f"⚠ {markup(info.anomaly)}"
    if info.final is None or info.final <= info.closed_at:
        alone = _above(info, axis, info.closing, _("⚠ {anomaly}").format(anomaly=name))
        yield alone._replace(known_at=info.closed_at, short=short)
        return
    closes = _("⚠ {anomaly}: the circle closes").format(anomaly=name)
    yield _above(info, axis, info.closing, closes)._replace(known_at=info.closed_at, short=short)
    yield _above(info, axis, info.final, _("⚠ final"))


def _above(info: ScoreInfo, axis: Axis, position: int, text: str) -> Note:
    """A red pill over a mark, towards the middle of the figure."""
    mark = info.marks[position]
    where = mark.place.on(axis)
    late = where.start > 0.7 * max(each.place.on(axis).end for each in info.marks)
    note = _pill(where.end if late else where.start, mark.lane - BAND_EDGE, markup(text), RED)
    return Note({**note, "xanchor": "right" if late else "left"}, position)


def _stored(info: ScoreInfo, axis: Axis) -> Iterator[Note]:
    """What is stored, at the beginning of its box: how far the box reaches is known later."""
    for stored in info.stored:
        where = stored.place.on(axis)
        fill = RED if stored.wrong else SLATE
        pill = _pill(where.start, len(info.sessions), f"<b>{markup(stored.text)}</b>", fill)
        yield Note({**pill, "xanchor": "left", "xshift": 6}, stored.known_at, where, markup(stored.short))


def _pill(x: float, y: float, text: str, fill: str) -> dict[str, Any]:
    return {
        "x": x,
        "y": y,
        "text": text,
        "showarrow": False,
        "bgcolor": fill,
        "borderpad": 3,
        "font": {"color": text_on(fill), "size": 15},
    }
