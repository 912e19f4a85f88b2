"""Every order of a variant's steps, run for real: planned, run, merged where runs cannot differ, and compared."""

from simulator.experiments.orders.cells import Cell, Sample, Sweep
from simulator.experiments.orders.progress import Progress
from simulator.experiments.orders.repeated import Fingerprint, explore, fingerprint, interleavings
from simulator.experiments.orders.smallest import Smallest, smallest
from simulator.experiments.orders.sweep import Sought, sweep

__all__ = [
    "Cell",
    "Fingerprint",
    "Progress",
    "Sample",
    "Smallest",
    "Sought",
    "Sweep",
    "explore",
    "fingerprint",
    "interleavings",
    "smallest",
    "sweep",
]
