"""Every order as a square: a grid for each level beside each other, a row for each variant, told by colour and by sign.

Where orders are few each has its own square, at the same place at every level. Where they are many a square is a run,
with the number of orders that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from simulator.experiments.orders.cells import Cell, Sample, Sweep
from simulator.experiments.orders.classes import by_order
from simulator.experiments.orders.plan import Order, Plan
from simulator.experiments.orders.sweep import EACH_ALONE
from simulator.figures.palette import OUTCOMES, outcome_word, text_on
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.model import Isolation, Outcome

#: Where a square leads: the variant's key, the level, the order.
Link = Callable[[str, Isolation, Order], str]
#: The sign of an order in which the server chooses whom it serves first.
RACE = "≈"


class Square(NamedTuple):
    """One order, or several that are the same; `cell` None where it was not run yet."""

    order: Order
    cell: Cell | None
    #: orders that it stands for
    stands_for: int = 1


class Grid(NamedTuple):
    """One variant at one level."""

    isolation: Isolation
    squares: tuple[Square, ...]
    total: int
    #: of those that were run, or stand for others
    possible: int
    wrong: int
    racing: int
    #: orders in which a transaction was run again, or given up, and nothing is wrong
    retried: int
    given_up: int
    sample: Sample | None = None
    complete: bool = True


class Row(NamedTuple):
    """One variant; grids as far as they were begun."""

    variant: str
    title: str
    is_fix: bool
    grids: tuple[Grid, ...]


class OrdersInfo(NamedTuple):
    levels: tuple[Isolation, ...]
    rows: tuple[Row, ...]
    #: the order that is looked at elsewhere on the page
    current: tuple[str, Isolation, Order] | None = None

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What there is to explain."""
        cells = (s.cell for row in self.rows for grid in row.grids for s in grid.squares)
        found = {cell.outcome for cell in cells if cell is not None and not cell.race}
        return tuple(outcome for outcome in OUTCOMES if outcome in found)


def orders_info(
    sweeps: Sequence[Sweep], levels: Sequence[Isolation], current: tuple[str, Isolation, Order] | None = None
) -> OrdersInfo:
    """Arrange sweeps by variant and level, in the order in which they come."""
    rows = []
    for _key, group in groupby(sweeps, key=lambda sweep: sweep.variant.key):
        mine = {sweep.isolation: sweep for sweep in group}
        variant = next(iter(mine.values())).variant
        grids = tuple(_grid(mine[level]) for level in levels if level in mine)
        rows.append(Row(variant.key, variant.title, variant.is_fix, grids))
    return OrdersInfo(tuple(levels), tuple(rows), current)


def _grid(sweep: Sweep) -> Grid:
    counts = sweep.by_outcome
    return Grid(
        isolation=sweep.isolation,
        squares=tuple(_squares(sweep)),
        total=sweep.total,
        possible=sweep.possible,
        wrong=sweep.wrong,
        racing=sweep.racing,
        retried=counts.get(Outcome.RETRIED, 0),
        given_up=counts.get(Outcome.ABORTED, 0) + counts.get(Outcome.DEADLOCK, 0),
        sample=sweep.sample,
        complete=sweep.complete,
    )


def _squares(sweep: Sweep) -> list[Square]:
    plan = Plan.of(sweep.variant)
    if sweep.total > EACH_ALONE:
        return [Square(cell.order, cell, cell.count) for cell in sweep.cells]
    found = by_order(sweep, plan)
    return [Square(order, found.get(order)) for order in plan.simplest_first()]


def headline(row: Row) -> str:
    """What the orders of one variant come to, level by level: one sentence."""
    said = [_clause(grid, first=not number) for number, grid in enumerate(row.grids)]
    text = _("{clauses}.").format(clauses=_("; ").join(said))
    return text[:1].upper() + text[1:]


def _clause(grid: Grid, *, first: bool) -> str:
    level, possible = grid.isolation.value, grid.possible
    if grid.wrong:
        text = ngettext(
            "{wrong} of {n} possible order goes wrong at {level}",
            "{wrong} of {n} possible orders go wrong at {level}",
            possible,
        ).format(wrong=f"{grid.wrong:,}", n=f"{possible:,}", level=level)
    elif first:
        text = ngettext(
            "the {n} possible order does not go wrong at {level}",
            "none of {n} possible orders goes wrong at {level}",
            possible,
        ).format(n=f"{possible:,}", level=level)
    else:
        text = _("none at {level}").format(level=level)
    more = [
        ngettext("{n} is run again", "{n} are run again", grid.retried).format(n=f"{grid.retried:,}")
        if grid.retried
        else "",
        ngettext("in {n} a transaction is given up", "in {n} a transaction is given up", grid.given_up).format(
            n=f"{grid.given_up:,}"
        )
        if grid.given_up
        else "",
        ngettext(
            "in {n} more the server chooses whom it serves first",
            "in {n} more the server chooses whom it serves first",
            grid.racing,
        ).format(n=f"{grid.racing:,}")
        if grid.racing
        else "",
    ]
    return _(", ").join(filter(None, (text, *more)))


def hover(square: Square) -> str:
    """The order, what it came to, and for how many it stands."""
    cell = square.cell
    lines = [" → ".join(square.order)]
    if cell is None:
        return "\n".join([*lines, _("not run yet")])
    if cell.race:
        seen = ", ".join(f"{outcome_word(outcome)} {count}×" for outcome, count in cell.seen)
        lines.append(_("The server chooses whom it serves first; seen so far: {seen}.").format(seen=seen))
    lines.append(str(cell.told) or outcome_word(cell.outcome))
    if square.stands_for > 1 and cell.stuck_at is not None:
        text = ngettext("{n} order begins like this.", "{n} orders begin like this.", square.stands_for)
        lines.append(text.format(n=f"{square.stands_for:,}"))
    elif square.stands_for > 1:
        text = ngettext(
            "Stands for {n} order whose neighbours cannot notice that they change places.",
            "Stands for {n} orders whose neighbours cannot notice that they change places.",
            square.stands_for,
        )
        lines.append(text.format(n=f"{square.stands_for:,}"))
    return "\n".join(lines)


def orders_html(info: OrdersInfo, link: Link | None = None) -> str:
    """The grids as HTML: it carries its style and takes the colour of the text around it. With `link` each square leads
    to its run."""
    heads = "".join(f'<th scope="col">{escape(level.value)}</th>' for level in info.levels)
    rows = "".join(_row_html(row, info, link) for row in info.rows)
    table = f'<table class="tx-orders"><thead><tr>{heads}</tr></thead>{rows}</table>'
    return f"<style>{_STYLE}</style>{table}{_legend_html(info)}"


def _row_html(row: Row, info: OrdersInfo, link: Link | None) -> str:
    kind = _("fix") if row.is_fix else _("naive")
    head = (
        f'<tr><th scope="rowgroup" colspan="{len(info.levels)}"><small>{escape(kind)}</small> {escape(_(row.title))}'
        f"<p>{escape(headline(row))}</p></th></tr>"
    )
    grids = {grid.isolation: grid for grid in row.grids}
    cells = "".join(_grid_html(grids.get(level), row, info, link) for level in info.levels)
    return f'<tbody data-variant="{escape(row.variant)}">{head}<tr>{cells}</tr></tbody>'


def _grid_html(grid: Grid | None, row: Row, info: OrdersInfo, link: Link | None) -> str:
    if grid is None:
        return f"<td><small>{escape(_('not run yet'))}</small></td>"
    squares = "".join(
        _square_html(each, (row.variant, grid.isolation, each.order), info, link) for each in grid.squares
    )
    many = " tx-many" if len(grid.squares) > _FEW else ""
    return f'<td data-level="{grid.isolation.short}"><div class="tx-squares{many}">{squares}</div></td>'


def _square_html(square: Square, at: tuple[str, Isolation, Order], info: OrdersInfo, link: Link | None) -> str:
    text, cell = escape(hover(square), quote=True), square.cell
    here = " tx-here" if info.current == at else ""
    if cell is None:
        return f'<i class="tx-blank{here}" title="{text}"></i>'
    style = OUTCOMES[cell.outcome]
    sign = RACE if cell.race else style.symbol
    number = f"<small>{square.stands_for:,}</small>" if square.stands_for > 1 else ""
    plain = cell.outcome is Outcome.IMPOSSIBLE
    color = "" if plain else f' style="background:{style.color};color:{text_on(style.color)}"'
    kind = f"{'tx-dim' if plain else 'tx-solid'}{' tx-race' if cell.race else ''}{here}"
    inner = f'<span aria-hidden="true">{sign}</span>{number}'
    label = f'title="{text}" aria-label="{text}" data-outcome="{cell.outcome.value}"{color}'
    if link is None:
        return f'<i role="img" class="{kind}" {label}>{inner}</i>'
    return f'<a class="tx-open {kind}" href="{escape(link(*at))}" {label}>{inner}</a>'


def _legend_html(info: OrdersInfo) -> str:
    parts = []
    for outcome in info.outcomes:
        style = OUTCOMES[outcome]
        plain = outcome is Outcome.IMPOSSIBLE
        color = "" if plain else f' style="background:{style.color};color:{text_on(style.color)}"'
        kind = "tx-dim" if plain else "tx-solid"
        parts.append(f'<span><i class="{kind}"{color}>{style.symbol}</i> {escape(outcome_word(outcome))}</span>')
    if any(s.cell is not None and s.cell.race for row in info.rows for grid in row.grids for s in grid.squares):
        parts.append(f'<span><i class="tx-dim tx-race">{RACE}</i> {escape(_("the server chooses"))}</span>')
    return f'<div class="tx-orders-legend">{"".join(parts)}</div>'


#: Squares that are drawn large.
_FEW = 20

_STYLE = """
.tx-orders { border-collapse: separate; border-spacing: .6rem .3rem; width: 100%; table-layout: fixed;
  font-size: 1.15rem; line-height: 1.3 }
.tx-orders th, .tx-orders td { border: 0; padding: 0; text-align: left; vertical-align: top }
.tx-orders th[scope=col] { font-weight: 700; font-size: 1.2rem }
.tx-orders th[scope=rowgroup] { padding-top: .7rem; font-weight: 600 }
.tx-orders th[scope=rowgroup] small { opacity: .65; font-weight: 400 }
.tx-orders th[scope=rowgroup] p { margin: .1rem 0 .3rem; font-size: 1.3rem; font-weight: 700 }
.tx-squares { display: flex; flex-wrap: wrap; gap: .25rem }
.tx-squares > *, .tx-orders-legend i { box-sizing: border-box; width: 2.7rem; height: 2.7rem; border-radius: .35rem;
  display: flex; flex-direction: column; align-items: center; justify-content: center; font-style: normal;
  font-size: 1.5rem; line-height: 1; font-weight: 700; text-decoration: none; color: inherit }
.tx-squares.tx-many > * { width: 2.15rem; height: 2.15rem; font-size: 1.2rem }
.tx-squares small { font-size: .72rem; font-weight: 600; line-height: 1.1 }
.tx-squares .tx-dim, .tx-orders-legend .tx-dim { border: 1px solid currentColor; opacity: .45; font-weight: 400 }
.tx-squares .tx-blank { border: 1px dashed currentColor; opacity: .3 }
.tx-race { outline: .18rem dashed currentColor; outline-offset: -.3rem }
.tx-squares a:hover, .tx-squares a:focus-visible { outline: .2rem solid currentColor; outline-offset: -.25rem }
.tx-squares .tx-here { outline: .22rem solid currentColor; outline-offset: .1rem; opacity: 1 }
.tx-orders-legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: .7rem .6rem 0; font-size: 1.1rem }
.tx-orders-legend span { display: inline-flex; align-items: center; gap: .4rem }
.tx-orders-legend i { width: 1.9rem; height: 1.9rem; font-size: 1.1rem }
""".replace("\n", " ").strip()
