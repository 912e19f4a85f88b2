"""Your code: what is pasted or dropped is recognised, read, and led to the demonstration of what is in it."""

from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.lint import found, source

with problems():
    found.show(source.text())
address.follow({})
