"""Learn: the course, chapter by chapter; each claim with a run in place, exercises, and an interview."""

from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.learn import page
from simulator.ui.learn.link import LINK, WHERE

with problems():
    page.show(page.where())
address.follow(LINK.write(WHERE.get()))
