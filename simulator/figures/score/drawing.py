"""A figure as the text that Plotly's script takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import orjson

from simulator.figures.layout import Plain
from simulator.figures.score.info import Axis


@dataclass(frozen=True, slots=True)
class Drawing:
    """Traces and a layout as JSON, which pages keep and send as it is, and the axis on which they are drawn.

    Plotly's own `Figure` checks each value and copies it, 3 to 9 ms a figure, and what comes out says the same: tests
    check, for everybody, that it does. And one text costs the garbage collector nothing, thousands of small lists do.
    """

    json: str
    axis: Axis

    @classmethod
    def of(cls, data: Sequence[Plain], layout: Plain, axis: Axis) -> Self:
        """Write it down; a number that is not finite becomes null."""
        return cls(orjson.dumps({"data": data, "layout": layout}).decode(), axis)
