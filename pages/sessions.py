"""Sessions: many concurrent requests on one pool, from the request to the connection's return."""

from simulator.traces.critical import totals
from simulator.ui import address
from simulator.ui.banner import problems
from simulator.ui.lifecycle import controls, details, headline, lanes, link, predict, runs

load, clicked = controls.load()
with problems():
    shown = runs.of(load, again=clicked)
    controls.remark(runs.differs(shown, load))
    guess = predict.ask(shown.result)
    if guess.may_show:
        headline.show(shown)
        lanes.show(shown.trace)
        details.show(shown, load)
        predict.tell(guess, totals(shown.trace))
    else:
        predict.invite()
        details.before(shown, load)
address.follow(link.parameters(load))
