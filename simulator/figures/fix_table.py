"""What each way to write a transaction comes to at each level: a table of symbols and words that the last row reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from simulator.figures.labels import cut
from simulator.figures.palette import OUTCOMES, outcome_word, text_on
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Isolation, Outcome
from simulator.sql.values import cell
from simulator.state.stored import stored_values
from simulator.verdict.judge import Finding, disagreement
from simulator.verdict.run import RunResult

#: Characters of what is watched: a rule may measure a whole query.
MAX_NAME = 16
#: Where a cell leads: scenario and variant by key, and the level.
Link = Callable[[str, str, Isolation], str]


class FixCell(NamedTuple):
    """One variant at one level, as it was run."""

    outcome: Outcome
    #: SQLSTATEs and names of anomalies, each once: `40001`, `P4`
    detail: str
    #: None where nothing was expected of it
    expected: Outcome | None
    #: the watched value at the end: `balance 150`; empty where nothing is watched
    stored: str = ""
    #: what graph and replay disagree about, None for nothing
    disagreement: Finding | None = None

    @property
    def as_expected(self) -> bool:
        return self.expected in (None, self.outcome)


class FixRow(NamedTuple):
    """One variant; a cell None was not run."""

    scenario: str
    #: of the scenario
    heading: str
    variant: str
    title: str
    is_fix: bool
    cells: tuple[FixCell | None, ...]


class FixTableInfo(NamedTuple):
    """Variants in the order of the runs, naive ones where they stood; levels from the weakest."""

    levels: tuple[Isolation, ...]
    rows: tuple[FixRow, ...]

    @property
    def cells(self) -> tuple[FixCell, ...]:
        """Those that were run."""
        return tuple(cell for row in self.rows for cell in row.cells if cell is not None)

    @property
    def unexpected(self) -> int:
        """How many cells came out otherwise than expected."""
        return sum(not cell.as_expected for cell in self.cells)

    @property
    def disputed(self) -> int:
        """Of how many cells graph and replay say different things."""
        return sum(cell.disagreement is not None for cell in self.cells)


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


def fix_table_html(info: FixTableInfo, link: Link | None = None) -> str:
    """The table as HTML, for a page, a hand-out or a slide: it carries its style, takes the colour of the text around
    it, and names every cell in words. With `link` each cell leads to its run; several scenarios have a heading each."""
    heads = "".join(f'<th scope="col">{escape(level.value)}</th>' for level in info.levels)
    several = len({row.scenario for row in info.rows}) > 1
    parts = [f"<thead><tr><td></td>{heads}</tr></thead>"]
    for scenario, rows in groupby(info.rows, key=lambda row: (row.scenario, row.heading)):
        heading = f'<tr><th scope="rowgroup" colspan="{len(info.levels) + 1}">{escape(_(scenario[1]))}</th></tr>'
        lines = "".join(_row_html(row, info.levels, link) for row in rows)
        parts.append(f"<tbody>{heading if several else ''}{lines}</tbody>")
    return f'<style>{_STYLE}</style><table class="tx-fixes">{"".join(parts)}</table>'


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
    scenario = first.scenario
    return FixRow(scenario.key, scenario.title, variant.key, variant.title, variant.is_fix, tuple(cells))


def _cell(result: RunResult, expected: Outcome | None) -> FixCell:
    states = [abort.sqlstate for abort in result.aborts if abort.sqlstate]
    anomalies = [anomaly.name for anomaly in result.confirmed.anomalies]
    detail = ", ".join(dict.fromkeys((*anomalies, *states)))
    return FixCell(result.outcome, detail, expected, _stored(result), disagreement(result.facts))


def _stored(result: RunResult) -> str:
    rule = result.scenario.invariant.sql if result.scenario.invariant else ""
    stored = stored_values(result.history, rule)
    return "" if stored is None else f"{cut(stored.name, MAX_NAME)} {cell(stored.values[-1].value)}"


def _row_html(row: FixRow, levels: tuple[Isolation, ...], link: Link | None) -> str:
    kind = _("fix") if row.is_fix else _("naive")
    head = f'<th scope="row"><small>{escape(kind)}</small> {escape(_(row.title))}</th>'
    cells = (
        _cell_html(each, "" if link is None else link(row.scenario, row.variant, level))
        for level, each in zip(levels, row.cells, strict=True)
    )
    return f"<tr>{head}{''.join(cells)}</tr>"


def _cell_html(found: FixCell | None, link: str) -> str:
    if found is None:
        return f'<td class="tx-none">{escape(_("not run"))}</td>'
    style = OUTCOMES[found.outcome]
    told = " · ".join(filter(None, (found.detail, found.stored)))
    lines = [f"<small>{escape(told)}</small>"] if told else []
    if not found.as_expected and found.expected is not None:
        text = _("expected: {outcome}").format(outcome=outcome_word(found.expected))
        lines.append(f'<small class="tx-other">≠ {escape(text)}</small>')
    if found.disagreement is not None:
        lines.append(f'<small class="tx-other">≁ {escape(_(_DISPUTED[found.disagreement]))}</small>')
    colors = f"background:{style.color};color:{text_on(style.color)}"
    word = f'<b><span aria-hidden="true">{style.symbol}</span> {escape(outcome_word(found.outcome))}</b>'
    inner = f"{word}{''.join(lines)}"
    box = f'<a class="tx-open" href="{escape(link)}" style="{colors}">{inner}</a>' if link else ""
    return f'<td data-outcome="{found.outcome.value}">{box or f"""<div style="{colors}">{inner}</div>"""}</td>'


#: Where graph and replay disagree: what each says.
_DISPUTED: Mapping[Finding, str] = MappingProxyType(
    {
        Finding.UNNAMED: N_("the graph finds nothing"),
        Finding.RISK: N_("the graph finds a cycle"),
    }
)


_STYLE = """
.tx-fixes { border-collapse: separate; border-spacing: .3rem; width: 100%; height: 1px; font-size: 1.15rem;
  line-height: 1.3 }
.tx-fixes th, .tx-fixes td { border: 0; padding: 0; text-align: left; vertical-align: middle; height: inherit }
.tx-fixes th { padding: .4rem .6rem; font-weight: 600 }
.tx-fixes th[scope=row] { text-align: right }
.tx-fixes th[scope=rowgroup] { padding-top: 1.2rem; font-size: 1.25rem }
.tx-fixes th[scope=col] { width: 19% }
.tx-fixes th small { opacity: .65; font-weight: 400; display: block }
.tx-fixes td > * { padding: .5rem .7rem; border-radius: .35rem; height: 100%; min-height: 3.9rem;
  box-sizing: border-box; display: flex; flex-direction: column; justify-content: center; text-decoration: none }
.tx-fixes td > a:hover, .tx-fixes td > a:focus-visible { outline: .2rem solid currentColor; outline-offset: -.3rem }
.tx-fixes td small { display: block; font-size: .95rem }
.tx-fixes .tx-other { font-weight: 700; border-top: 2px dashed currentColor; margin-top: .25rem; padding-top: .15rem }
.tx-fixes .tx-none { opacity: .55; padding-left: .7rem }
""".replace("\n", " ").strip()
