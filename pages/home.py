"""Home: what this is, a collision that has just run, where to go, and the state of the database."""

from simulator.ui import address, welcome
from simulator.ui.banner import problems

welcome.title()
with problems("collision"):
    welcome.collision()
welcome.ways_on()
address.follow({})
