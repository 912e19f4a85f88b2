"""One schedule at several isolation levels, side by side, and where they first differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.figures.labels import markup
from simulator.figures.layout import Plain
from simulator.figures.palette import OUTCOMES, outcome_word, text_on
from simulator.figures.score import notes as score_notes
from simulator.figures.score import plot
from simulator.figures.score.drawing import Drawing
from simulator.figures.score.info import Axis, Mark, ScoreInfo, Status
from simulator.figures.score.notes import SLATE, Note, waits_text
from simulator.figures.score.read import score_info
from simulator.i18n import gettext as _
from simulator.model import Isolation, Outcome
from simulator.verdict.run import RunResult

#: Pixels: a lane here, and the line of text above each level's lanes.
LANE, TITLE = 104, 40


class Cell(NamedTuple):
    """What one step did at one level; two levels agree where their cells are equal."""

    status: Status
    waited_for: tuple[str, ...]
    #: `100`, `✕ 40001`, `done`, `skipped`, or empty where it still waits
    ending: str
    #: the position at whose end the ending was known; levels that settle apart differ in it, though not in the cell
    settled_at: int | None

    @property
    def text(self) -> str:
        """`waits for T1, then ✕ 40001`."""
        waits = waits_text(self.waited_for) if self.waited_for else ""
        if waits and self.ending:
            return _("{waits}, then {ending}").format(waits=waits, ending=self.ending)
        return waits or self.ending

    def by(self, position: int) -> str:
        """What was known of it at the end of this position."""
        still_waits = self.settled_at is None or self.settled_at > position
        return waits_text(self.waited_for) if still_waits else self.ending

    @property
    def essence(self) -> tuple[Status, tuple[str, ...], str]:
        return self.status, self.waited_for, self.ending


class Row(NamedTuple):
    """One step of the schedule, a cell a level."""

    step: str
    session: str
    label: str
    cells: tuple[Cell, ...]
    differs: bool


class Level(NamedTuple):
    """One run."""

    isolation: Isolation
    outcome: Outcome
    score: ScoreInfo


class ComparisonInfo(NamedTuple):
    """Rows are the steps of the schedule; retries stand in the scores only."""

    levels: tuple[Level, ...]
    rows: tuple[Row, ...]
    #: the first row whose cells differ
    first_difference: int | None
    #: the step during which one could first tell the levels apart: not before a wait that ends differently has ended
    seen_at: int | None

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Positions for a transport: those of the level with the most."""
        return max((level.score.marks for level in self.levels), key=len, default=())

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each position: what every level did then, also with statements that had waited until then."""
        return tuple(self._note(position) for position in range(len(self.marks)))

    def _note(self, position: int) -> str:
        if position >= len(self.rows):
            return "— " + _("run again after an abort")
        own = self._by_level([cell.by(position) for cell in self.rows[position].cells])
        waited = [
            f"{row.session}: {self._by_level([cell.by(position) for cell in row.cells])}"
            for row in self.rows[:position]
            if any(cell.settled_at == position for cell in row.cells)
        ]
        return "; ".join([own, *waited])

    def _by_level(self, texts: Sequence[str]) -> str:
        if len(set(texts)) == 1:
            return texts[0]
        return " · ".join(f"{level.isolation.short} {text}" for level, text in zip(self.levels, texts, strict=True))


def comparison_info(results: Sequence[RunResult]) -> ComparisonInfo:
    """Lay runs of one schedule beside each other. Raises ValueError where the schedules differ."""
    if len({result.schedule for result in results}) > 1:
        raise ValueError("only runs of the same schedule can be compared step by step")
    levels = tuple(
        Level(
            result.isolation,
            result.outcome,
            score_info(result.history, result.schedule, result.confirmed, result.variant),
        )
        for result in results
    )
    count = len(results[0].schedule.steps) if results else 0
    rows = tuple(_row([level.score.marks[position] for level in levels]) for position in range(count))
    first = next((position for position, row in enumerate(rows) if row.differs), None)
    seen = [_seen_at(position, row.cells) for position, row in enumerate(rows) if row.differs]
    return ComparisonInfo(levels, rows, first, min(seen, default=None))


def table(info: ComparisonInfo) -> list[dict[str, str]]:
    """The rows as plain data: step, statement, then a column a level, by its short name."""
    return [
        {
            _("step"): row.step,
            _("statement"): row.label,
            **{level.isolation.short: cell.text for level, cell in zip(info.levels, row.cells, strict=True)},
        }
        for row in info.rows
    ]


def plot_comparison(info: ComparisonInfo) -> Drawing:
    """Scores one below the other on one step axis, with a line where they first differ."""
    heights = [TITLE + LANE * max(len(level.score.sessions), 1) for level in info.levels]
    total = sum(heights) or 1
    layout: Plain = {
        **plot.frame(),
        "height": total + plot.TOP + plot.BOTTOM,
        "uirevision": "levels",
        "xaxis": {
            **plot.x_axis([level.score for level in info.levels], Axis.STEPS),
            "anchor": f"y{len(heights)}" if len(heights) > 1 else "y",
        },
    }
    data: list[Plain] = []
    titles: list[Note] = []
    notes: list[Note] = []
    outlines: list[Note] = list(_difference(info))
    top = 1.0
    for number, (level, height) in enumerate(zip(info.levels, heights, strict=True), start=1):
        suffix = "" if number == 1 else str(number)
        bottom = max(top - height / total, 0.0)
        layout[f"yaxis{suffix}"] = {**plot.y_axis(level.score.sessions), "domain": [bottom, top - TITLE / total]}
        data.extend(plot.traces(level.score, Axis.STEPS, suffix))
        titles.append(_title(level, top))
        notes.extend(score_notes.notes(level.score, Axis.STEPS, suffix))
        outlines.extend(score_notes.outlines(level.score, Axis.STEPS, suffix))
        top = bottom
    rows = [level.score.sessions for level in info.levels]
    annotated = plot.annotated(Axis.STEPS, rows, [*titles, *notes], outlines, len(titles))
    return Drawing.of(data, layout | annotated, Axis.STEPS)


def _row(marks: Sequence[Mark]) -> Row:
    cells = tuple(_cell(mark) for mark in marks)
    labelled = next((mark for mark in marks if mark.status is not Status.SKIPPED), marks[0])
    return Row(labelled.step, labelled.session, labelled.label, cells, len({cell.essence for cell in cells}) > 1)


def _cell(mark: Mark) -> Cell:
    return Cell(mark.status, mark.waited_for, _ending(mark), mark.settled_at)


def _ending(mark: Mark) -> str:
    if mark.status is Status.SKIPPED:
        return _("skipped")
    if mark.settled_at is None:
        return ""
    if mark.sqlstate:
        return f"✕ {mark.sqlstate}"
    return f"→ {mark.result}" if mark.result else _("done")


def _seen_at(position: int, cells: Sequence[Cell]) -> int:
    """Where they wait for the same, the difference shows when the first of them goes on."""
    if len({cell.waited_for for cell in cells}) > 1 or len({cell.status is Status.SKIPPED for cell in cells}) > 1:
        return position
    return min((cell.settled_at for cell in cells if cell.settled_at is not None), default=position)


def _title(level: Level, top: float) -> Note:
    style = OUTCOMES[level.outcome]
    text = f"<b>{markup(level.isolation.value)}</b>  {style.symbol} {markup(outcome_word(level.outcome))}"
    spec = {
        "xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "top", "yshift": -6,
        "text": text, "showarrow": False, "bgcolor": style.color, "borderpad": 4,
        "font": {"color": text_on(style.color), "size": plot.FONT_SIZE},
    }  # fmt: skip
    return Note(spec, -1)


def _difference(info: ComparisonInfo) -> Iterator[Note]:
    if info.seen_at is not None:
        yield Note(
            {
                "type": "line", "xref": "x", "yref": "paper", "x0": info.seen_at, "x1": info.seen_at, "y0": 0, "y1": 1,
                "line": {"color": SLATE, "width": 4, "dash": "dash"},
            },
            -1,
        )  # fmt: skip
