"""Where each lane lies, in pixels from the top: named lanes as high as there is room for, bands by their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.figures.swimlanes.info import Lane, Mark, Piece

#: All named lanes together take at most LANES, as long as none gets lower than LOWEST.
HIGHEST, LOWEST, LANES = 34.0, 16.0, 880.0
#: Beside bands, so that fifty requests and the pool fit a projector: a named lane, all rows of bands, and one row.
BESIDE, ROWS, THINNEST, THICKEST = 18.0, 210.0, 3.0, 8.0
#: On the axis of steps words stand in the lanes, in two lines.
WORDY = 46.0


class Rooms(NamedTuple):
    """`edges`: the upper edge of each lane, and the lower one of the last."""

    edges: tuple[float, ...]
    #: height of a lane that has a name of its own
    lane: float

    @property
    def height(self) -> float:
        """All lanes together."""
        return self.edges[-1]

    def middle(self, lane: int) -> float:
        """Of a lane."""
        return (self.edges[lane] + self.edges[lane + 1]) / 2

    def of(self, stands: Piece | Mark, rows: int) -> tuple[float, float]:
        """Middle and height of the row in which it stands."""
        height = (self.edges[stands.lane + 1] - self.edges[stands.lane]) / rows
        return self.edges[stands.lane] + height * ((stands.row or 0) + 0.5), height


def rooms(lanes: Sequence[Lane], *, steps: bool = False) -> Rooms:
    """As high as they may be."""
    rows = sum(lane.rows for lane in lanes if lane.rows > 1)
    named = sum(lane.rows == 1 for lane in lanes)
    lane = min(BESIDE, lane_height(named)) if rows else lane_height(named, steps=steps)
    row = max(THINNEST, min(THICKEST, ROWS / max(rows, 1)))
    edges = [0.0]
    for each in lanes:
        edges.append(edges[-1] + (lane if each.rows == 1 else max(lane, row * each.rows)))
    if not lanes:
        edges.append(lane)
    return Rooms(tuple(edges), lane)


def lane_height(lanes: int, *, steps: bool = False) -> float:
    """Pixels of one lane where there are so many."""
    return max(LOWEST, min(WORDY if steps else HIGHEST, LANES / max(lanes, 1)))
