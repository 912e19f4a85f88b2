"""Orders: every order of a scenario's steps, run for real, and what they came to."""

from simulator.ui.app.banner import problems
from simulator.ui.orders import grids, picker

subject = picker.pick()
with problems():
    grids.show(subject)
