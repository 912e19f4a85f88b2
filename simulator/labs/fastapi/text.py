"""The matrix as text, for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.endings import ENDINGS
from simulator.labs.fastapi.matrix import Cell

_WIDTH = 25


def matrix_text(cells: Iterable[Cell]) -> str:
    """A table for sync and one for async: what the client was told, what was stored, what leaked."""
    found = tuple(cells)
    tables = [_table([cell for cell in found if cell.is_async == is_async], is_async) for is_async in (False, True)]
    return "\n\n".join((*tables, _summary(found)))


def _table(cells: Sequence[Cell], is_async: bool) -> str:
    by_key = {(cell.dependency, cell.ending): cell for cell in cells}
    head = ["async def" if is_async else "def", *(ending.key for ending in ENDINGS), "connection out (ok)"]
    rows = [
        [each.key, *(_cell(by_key[each.key, end.key]) for end in ENDINGS), _out(by_key[each.key, ENDINGS[0].key])]
        for each in DEPENDENCIES
    ]
    return "\n".join("".join(field.ljust(_WIDTH) for field in row).rstrip() for row in [head, *rows])


def _cell(cell: Cell) -> str:
    """`200, 0 rows  SILENT`."""
    rows = "1 row" if cell.rows == 1 else f"{cell.rows} rows"
    marks = ("SILENT" if cell.silent else "", "LEAK" if cell.leaks else "")
    told = "gone" if cell.told == "disconnected" else cell.told
    return " ".join((f"{told}, {rows}", *(mark for mark in marks if mark)))


def _out(cell: Cell) -> str:
    """`1.9 of 4.2 ms, over the response`."""
    if cell.held is None:
        return "never"
    when = "over the response" if cell.held.over_response else "before the response"
    return f"{cell.held.ms:.1f} of {cell.held.request_ms:.1f} ms, {when if cell.held.returned else 'not given back'}"


def _summary(cells: Sequence[Cell]) -> str:
    silent, leaks = sum(cell.silent for cell in cells), sum(cell.leaks for cell in cells)
    return f"{len(cells)} requests over HTTP: {silent} silent (told one thing, stored another), {leaks} with a leak."


def teardown_text(cells: Iterable[Cell]) -> str:
    """A line a case: what ran after what."""
    return "\n".join(f"{cell.ending:12}{cell.dependency:20}{cell.told:5}{' > '.join(cell.order)}" for cell in cells)
