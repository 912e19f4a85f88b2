"""Locks: who waits for whom on a real server, how a deadlock closes, and what cures it."""

import streamlit as st

from simulator.ui.app.banner import problems
from simulator.ui.orders.tab import among
from simulator.ui.schedules import details, drive, mode, own, picker, predict, runs, timeline, waited
from simulator.ui.schedules.pick import LOCKS

pick = picker.pick(LOCKS)
if mode.is_drive():
    drive.show(pick)
    details.show(pick, tabs=details.OF_DRIVING, key="driving")
    st.stop()
picker.story(pick)
guess, result = predict.ask(pick), None
with problems():
    if not guess.may_show:
        predict.schedule(pick)
        st.stop()
    result = runs.of(pick)
    predict.tell(guess, result)
    waited.headline(result)
    timeline.show(pick, result)
    details.show(pick, result, (*among(details.TABS), *details.OF_LOCKS))
if result is None and pick.own:
    own.show(pick)  # whoever wrote what does not run can mend it here
