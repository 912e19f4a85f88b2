"""Locks: who waits for whom on a real server, how a deadlock closes, and what cures it."""

import streamlit as st

from simulator.figures.score import score_info
from simulator.ui import details, drive, mode, picker, predict, runs, timeline, waited
from simulator.ui.banner import problems
from simulator.ui.link import LOCKS

pick = picker.pick(LOCKS)
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
    waited.headline(result, score_info(result.history, result.schedule, result.verdict, result.variant))
    timeline.show(pick, result)
    details.show(pick, result, (*details.TABS, *details.OF_LOCKS), key="locks")
