"""Home: what this is, a failure that has just run and its fix in place, where to go, and the state of the database."""

from simulator.ui.app.banner import problems
from simulator.ui.home import collision, welcome

welcome.title()
with problems("collision"):
    collision.show()
welcome.ways_on()
