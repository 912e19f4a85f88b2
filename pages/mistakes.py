"""Mistakes: what a client was told, what was stored and what leaked, beside the same with one line changed."""

import streamlit as st

from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.components import versions
from simulator.ui.mistakes import headline, picker, predict, runs, sides, tabs, top

mistake = picker.pick()
headline.story(mistake)
guess = predict.ask(mistake)
with problems():
    if guess.may_show:
        pair = runs.of(mistake)
        predict.tell(guess, pair.mistake)
        headline.verdict(mistake, pair)
        sides.show(mistake, pair)
    else:
        sides.code(mistake.mistake, "mistake", reveal=False)
below = st.container()
address.follow(picker.LINK.write(mistake.key))
top.of(mistake.key)
with below:
    tabs.show(mistake)
    with problems("versions"):
        versions.show()
