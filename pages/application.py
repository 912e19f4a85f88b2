"""Your application: a history that was recorded in it, told in words; two are compared."""

from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.own import upload, view

view.title()
with problems():
    view.show(upload.histories())
address.follow({})
