"""The Hermitage table (https://github.com/ept/hermitage): does each phenomenon occur, level by level?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from itertools import groupby
from typing import NamedTuple

from simulator.experiments.matrix import HermitageCell
from simulator.i18n import gettext as _
from simulator.model import Isolation


class Case(NamedTuple):
    """One phenomenon at one level; `occurs` None where that is not known."""

    occurs: bool | None
    expected: bool


class CaseRow(NamedTuple):
    """One phenomenon; a cell None was not run."""

    scenario: str
    title: str
    cells: tuple[Case | None, ...]


class HermitageInfo(NamedTuple):
    """Cases in the order of the runs; levels from the weakest."""

    levels: tuple[Isolation, ...]
    rows: tuple[CaseRow, ...]

    @property
    def cells(self) -> tuple[Case, ...]:
        """Those that were run."""
        return tuple(cell for row in self.rows for cell in row.cells if cell is not None)

    @property
    def unexpected(self) -> int:
        """How many cells came out otherwise than the literature says."""
        return sum(cell.occurs != cell.expected for cell in self.cells)


def hermitage_info(cells: Iterable[HermitageCell]) -> HermitageInfo:
    """Arrange cells by case and level."""
    groups = [tuple(group) for _scenario, group in groupby(cells, key=lambda cell: cell.scenario.key)]
    levels = tuple(level for level in Isolation if any(cell.isolation is level for group in groups for cell in group))
    return HermitageInfo(levels, tuple(_row(group, levels) for group in groups))


def hermitage_html(info: HermitageInfo, link: Callable[[str, Isolation], str]) -> str:
    """The table as HTML; each cell, a word and a symbol, leads to its run."""
    heads = "".join(f'<th scope="col">{escape(level.value)}</th>' for level in info.levels)
    rows = "".join(_row_html(row, info.levels, link) for row in info.rows)
    return f'<table class="tx-hermitage"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _row(cells: tuple[HermitageCell, ...], levels: tuple[Isolation, ...]) -> CaseRow:
    by_level = {cell.isolation: Case(cell.occurs, cell.expected) for cell in cells}
    first = cells[0].scenario
    return CaseRow(first.key, first.title, tuple(by_level.get(level) for level in levels))


def _row_html(row: CaseRow, levels: tuple[Isolation, ...], link: Callable[[str, Isolation], str]) -> str:
    cells = (_cell_html(cell, link(row.scenario, level)) for level, cell in zip(levels, row.cells, strict=True))
    return f'<tr><th scope="row">{escape(_(row.title))}</th>{"".join(cells)}</tr>'


def _cell_html(cell: Case | None, link: str) -> str:
    if cell is None:
        return f"<td>{escape(_('not run'))}</td>"
    symbol, word, kind = _look(cell.occurs)
    other = "" if cell.occurs == cell.expected else f" ≠ {escape(_('the literature'))}"
    return (
        f'<td><a class="tx-open tx-case-{kind}" href="{escape(link)}"><span aria-hidden="true">{symbol}</span> '
        f"{escape(word)}{other}</a></td>"
    )


def _look(occurs: bool | None) -> tuple[str, str, str]:
    """Symbol, word, and by what its style knows it."""
    if occurs is None:
        return "?", _("not known"), "unknown"
    return ("⚠", _("occurs"), "occurs") if occurs else ("✓", _("prevented"), "prevented")
