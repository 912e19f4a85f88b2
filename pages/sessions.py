"""Sessions: many concurrent requests on one pool, from the request to the connection's return."""

from simulator.traces.critical import totals
from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.components import findings_view, versions
from simulator.ui.sessions import controls, details, headline, holds, lanes, link, predict, runs

load, clicked = controls.load()
with problems():
    shown = runs.of(load, again=clicked)
    controls.remark(runs.differs(shown, load))
    guess = predict.ask(shown.result)
    if guess.may_show:
        headline.show(shown)
        holds.headline(shown)
        lanes.show(shown.trace)
        findings_view.show(shown.trace)
        details.show(shown, load)
        predict.tell(guess, totals(shown.trace))
        versions.show()
    else:
        predict.invite()
        details.before(shown, load)
address.follow(link.LINK.write(load))
