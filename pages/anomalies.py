"""Anomalies: one schedule on a real server, what it came to and why, and what would have helped."""

import streamlit as st

from simulator.ui.app.banner import problems
from simulator.ui.orders.tab import among
from simulator.ui.schedules import details, drive, mode, own, picker, predict, runs, timeline, verdict
from simulator.ui.schedules.pick import ANOMALIES

own.take()
pick = picker.pick(ANOMALIES)
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
    verdict.headline(result)
    verdict.theory(result)
    timeline.show(pick, result)
    details.show(pick, result, among(details.TABS))
if result is None and pick.own:
    own.show(pick)  # whoever wrote what does not run can mend it here
