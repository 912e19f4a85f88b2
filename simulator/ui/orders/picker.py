"""Which scenario's orders the page shows: chosen on it, or by the link that opened it."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.model import Scenario
from simulator.scenarios.loader import catalogue, find
from simulator.ui.app import address, arrival
from simulator.ui.kit.link import Link, Part
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot
from simulator.ui.orders.subject import Subject
from simulator.ui.schedules.pick import FAMILIES

FIRST = "lost_update"
_SCENARIO: Slot[str] = Slot("orders", "scenario", FIRST)
_LINK = Link((Part("scenario", lambda _before, key: find(key), lambda scenario: scenario.key),), find(FIRST))


def pick() -> Subject:
    """Show the control; what it stands at."""
    if arrival.just_now():
        _LINK.follow(lambda scenario: _SCENARIO.set(scenario.key), anew=not _SCENARIO.is_set())
    # Streamlit forgets a control's value while another page is open.
    _SCENARIO.set(_SCENARIO.get())
    keys = [each.key for family in FAMILIES for each in catalogue() if each.family == family]
    st.selectbox(_("Scenario"), keys, key=_SCENARIO.key, format_func=_label, on_change=_LINK.forget)
    _LINK.complain()
    scenario = find(_SCENARIO.get())
    st.markdown(plain(_(scenario.story)))
    address.follow(_LINK.write(scenario))
    return Subject(scenario)


def _label(key: str) -> str:
    scenario: Scenario = find(key)
    return _("{family}: {title}").format(family=_(FAMILIES[scenario.family]), title=_(scenario.title))
