"""What each way to write a transaction comes to at each level: a table of symbols and words that the last row reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import NamedTuple

from simulator.figures.palette import OUTCOMES, outcome_word, text_on
from simulator.i18n import gettext as _
from simulator.model import Isolation, Outcome
from simulator.run import RunResult


class FixCell(NamedTuple):
    """One variant at one level, as it was run."""

    outcome: Outcome
    #: SQLSTATEs and names of anomalies, each once: `40001`, `P4`
    detail: str
    #: None where nothing was expected of it
    expected: Outcome | None

    @property
    def as_expected(self) -> bool:
        return self.expected in (None, self.outcome)


class FixRow(NamedTuple):
    """One variant; a cell None was not run."""

    scenario: str
    variant: str
    title: str
    is_fix: bool
    cells: tuple[FixCell | None, ...]


class FixTableInfo(NamedTuple):
    """Variants in the order of the runs, naive ones where they stood; levels from the weakest."""

    levels: tuple[Isolation, ...]
    rows: tuple[FixRow, ...]

    @property
    def unexpected(self) -> int:
        """How many cells came out otherwise than expected."""
        return sum(not cell.as_expected for row in self.rows for cell in row.cells if cell is not None)


def fix_table_info(
    results: Iterable[RunResult], expectations: Mapping[tuple[str, Isolation], Outcome] | None = None
) -> FixTableInfo:
    """Arrange runs by variant and level.

    `expectations` by variant key and level; without them each variant's own. Of two runs of the same the later counts.
    """
    runs: dict[tuple[str, str], dict[Isolation, RunResult]] = {}
    for result in results:
        runs.setdefault((result.scenario.key, result.variant.key), {})[result.isolation] = result
    levels = tuple(level for level in Isolation if any(level in row for row in runs.values()))
    return FixTableInfo(levels, tuple(_row(row, levels, expectations) for row in runs.values()))


def fix_table_html(info: FixTableInfo) -> str:
    """The table as HTML, for a page, a hand-out or a slide: it carries its style, takes the colour of the text around
    it, and names every cell in words."""
    heads = "".join(f'<th scope="col">{escape(level.value)}</th>' for level in info.levels)
    rows = "".join(_row_html(row) for row in info.rows)
    head = f"<thead><tr><td></td>{heads}</tr></thead>"
    return f'<style>{_STYLE}</style><table class="tx-fixes">{head}<tbody>{rows}</tbody></table>'


def _row(
    runs: Mapping[Isolation, RunResult],
    levels: tuple[Isolation, ...],
    expectations: Mapping[tuple[str, Isolation], Outcome] | None,
) -> FixRow:
    first = next(iter(runs.values()))
    variant = first.variant
    given = {level: expectations.get((variant.key, level)) for level in levels} if expectations is not None else None
    expected = variant.expectations if given is None else given
    cells = [_cell(runs[level], expected.get(level)) if level in runs else None for level in levels]
    return FixRow(first.scenario.key, variant.key, variant.title, variant.is_fix, tuple(cells))


def _cell(result: RunResult, expected: Outcome | None) -> FixCell:
    states = [abort.sqlstate for abort in result.aborts if abort.sqlstate]
    anomalies = [anomaly.name for anomaly in result.verdict.anomalies]
    return FixCell(result.outcome, ", ".join(dict.fromkeys((*anomalies, *states))), expected)


def _row_html(row: FixRow) -> str:
    kind = _("fix") if row.is_fix else _("naive")
    head = f'<th scope="row"><small>{escape(kind)}</small> {escape(_(row.title))}</th>'
    return f"<tr>{head}{''.join(map(_cell_html, row.cells))}</tr>"


def _cell_html(cell: FixCell | None) -> str:
    if cell is None:
        return f'<td class="tx-none">{escape(_("not run"))}</td>'
    style = OUTCOMES[cell.outcome]
    detail = f"<small>{escape(cell.detail)}</small>" if cell.detail else ""
    wrong = ""
    if not cell.as_expected and cell.expected is not None:
        text = _("expected: {outcome}").format(outcome=outcome_word(cell.expected))
        wrong = f'<small class="tx-other">≠ {escape(text)}</small>'
    colors = f"background:{style.color};color:{text_on(style.color)}"
    word = f'<b><span aria-hidden="true">{style.symbol}</span> {escape(outcome_word(cell.outcome))}</b>'
    return f'<td data-outcome="{cell.outcome.value}"><div style="{colors}">{word}{detail}{wrong}</div></td>'


_STYLE = """
.tx-fixes { border-collapse: separate; border-spacing: .3rem; width: 100%; font-size: 1.15rem; line-height: 1.3 }
.tx-fixes th, .tx-fixes td { border: 0; padding: 0; text-align: left; vertical-align: middle }
.tx-fixes th { padding: .4rem .6rem; font-weight: 600 }
.tx-fixes th[scope=col] { width: 19% }
.tx-fixes th small { opacity: .65; font-weight: 400; display: block }
.tx-fixes td > div { padding: .5rem .7rem; border-radius: .35rem; min-height: 3.4rem; display: flex;
  flex-direction: column; justify-content: center }
.tx-fixes td small { display: block; font-size: .95rem }
.tx-fixes .tx-other { font-weight: 700; border-top: 2px dashed currentColor; margin-top: .25rem; padding-top: .15rem }
.tx-fixes .tx-none { opacity: .55; padding-left: .7rem }
""".replace("\n", " ").strip()
