"""What an application's History says: spans, pool, objects, and where the time of a request went. Pure functions."""

from simulator.traces.critical import Parts, Totals, critical_path, segments, sentence, totals
from simulator.traces.objects import ObjectLife, Stay, object_lives
from simulator.traces.pool import PoolMoment, occupancy
from simulator.traces.spans import Request, Trace
from simulator.traces.trace import read

__all__ = [
    "ObjectLife",
    "Parts",
    "PoolMoment",
    "Request",
    "Stay",
    "Totals",
    "Trace",
    "critical_path",
    "object_lives",
    "occupancy",
    "read",
    "segments",
    "sentence",
    "totals",
]
