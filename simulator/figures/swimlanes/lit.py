"""Bars that show something light up: all others step back, and nothing moves."""

from __future__ import annotations

from collections.abc import Collection

import plotly.graph_objects as go

from simulator.figures.swimlanes.info import BarKind

#: Opacity of the bars that step back.
PALE = 0.16
#: Kinds whose ids name a span's `seq`; requests and Sessions go by their names.
_SPANS = frozenset(BarKind) - {BarKind.REQUEST, BarKind.SESSION}


def light_up(figure: go.Figure, seqs: Collection[int]) -> int:
    """Those that stand for one of these spans are as they were, all others pale; how many light up.

    Where none of them is drawn, nothing changes.
    """
    bars = [trace for trace in figure.data if trace.type == "bar" and trace.customdata is not None]
    lit = {str(row[0]) for trace in bars for row in trace.customdata if seq_of(str(row[0])) in seqs}
    if lit:
        for trace in bars:
            trace.marker.opacity = [1.0 if str(row[0]) in lit else PALE for row in trace.customdata]
    return len(lit)


def seq_of(bar: str) -> int | None:
    """The `seq` in a bar's id; of a merged bar, that of its first span.

    >>> seq_of("statement:12"), seq_of("held:7:3+4"), seq_of("request:12")
    (12, 7, None)
    """
    kind, _, rest = bar.partition(":")
    number = rest.partition(":")[0]
    return int(number) if kind in _SPANS and number.isdigit() else None
