"""Anomalies: one schedule on a real server, what it came to and why, and what would have helped."""

import streamlit as st

from simulator.ui import details, drive, mode, picker, predict, runs, timeline, verdict
from simulator.ui.banner import problems
from simulator.ui.link import ANOMALIES

pick = picker.pick(ANOMALIES)
if mode.is_drive():
    drive.show(pick)
    details.show(pick, tabs=details.OF_DRIVING, key="driving")
    st.stop()
picker.story(pick)
guess = predict.ask(pick)
with problems():
    if not guess.may_show:
        predict.schedule(pick)
        st.stop()
    result = runs.of(pick)
    predict.tell(guess, result)
    verdict.headline(result)
    timeline.show(pick, result)
    details.show(pick, result)
