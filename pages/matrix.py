"""Matrix: the Hermitage table, and every variant of every scenario at every level, run on this server."""

from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.matrix import tables

address.follow({})
with problems("matrix_cases"):
    tables.hermitage()
with problems("matrix_fixes"):
    tables.fixes()
