"""What an application's History says: spans, pool, objects, and where the time of a request went. Pure functions."""

from simulator.traces.critical import Parts, Totals, critical_path, segments, sentence, totals
from simulator.traces.objects import ObjectLife, Stay, object_lives
from simulator.traces.pool import PoolMoment, PoolTotals, occupancy, pool_totals
from simulator.traces.spans import Request, Trace
from simulator.traces.trace import read

__all__ = [
    "ObjectLife",
    "Parts",
    "PoolMoment",
    "PoolTotals",
    "Request",
    "Stay",
    "Totals",
    "Trace",
    "critical_path",
    "object_lives",
    "occupancy",
    "pool_totals",
    "read",
    "segments",
    "sentence",
    "totals",
]
