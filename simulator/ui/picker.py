"""Scenario, variant and isolation level: chosen on the page, or by the link that opened it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from simulator.i18n import gettext as _
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.scenarios.loader import find
from simulator.ui import arrival, link, mode
from simulator.ui.link import Pick, Shelf
from simulator.ui.plain import plain

#: In place of a key of the catalogue: the scenario that this person loaded.
OWN = "own"
_PARAMETERS = ("scenario", "variant", "level", "order", "step")


def pick(shelf: Shelf) -> Pick:
    """Show the three controls; what they stand at."""
    _follow_link(shelf)
    now = current()
    _fill_in(now)
    left, middle, right = st.columns([5, 7, 9], vertical_alignment="bottom")
    with left:
        st.selectbox(
            _("Scenario"), _scenarios(shelf), format_func=_scenario_label, key="scenario", on_change=_scenario_chosen
        )
    with middle:
        keys = [variant.key for variant in now.scenario.variants]
        st.selectbox(
            _("Variant"),
            keys,
            key="variant",
            on_change=_variant_chosen,
            format_func=lambda key: _variant_label(now.scenario.variant(key)),
        )
    with right:
        st.segmented_control(
            _("Isolation level"),
            [level.short for level in now.scenario.levels],
            key="level",
            required=True,
            wrap=True,
            format_func=lambda short: Isolation.parse(short).value,
            on_change=_level_chosen,
        )
    for complaint in st.session_state.get("complaints", ()):
        st.warning(plain(complaint), icon="🔗")
    return now


def choose(pick: Pick) -> None:
    """Make this the pick of the next script run."""
    st.session_state["pick"] = pick


def cure(pick: Pick) -> Variant | None:
    """The fix that follows the picked variant in its scenario, else the first; None where a fix is picked."""
    variants = pick.scenario.variants
    if pick.variant.is_fix:
        return None
    place = variants.index(pick.variant)
    return next((one for one in (*variants[place:], *variants[:place]) if one.is_fix), None)


def story(pick: Pick) -> None:
    """Who does what, and what could go wrong."""
    st.markdown(plain(_(pick.scenario.story)))


def _follow_link(shelf: Shelf) -> None:
    """Once, on arrival: after that the address follows the page, a moment late."""
    if not arrival.just_now():
        return
    asked = {name: st.query_params[name] for name in _PARAMETERS if name in st.query_params}
    found, complaints = link.read(asked, shelf)
    kept = st.session_state.get("pick")
    stays = isinstance(kept, Pick) and (kept.own or kept.scenario.family in shelf.families)
    if asked or not stays:
        choose(found)
    st.session_state["complaints"] = (*complaints, *filter(None, [mode.follow_link()]))


def current() -> Pick:
    """What this person has picked, on the page that they are on."""
    found: Pick = st.session_state["pick"]
    return found


def _fill_in(pick: Pick) -> None:
    """Streamlit forgets a control's value while another page is open."""
    st.session_state["scenario"] = OWN if pick.own else pick.scenario.key
    st.session_state["variant"] = pick.variant.key
    st.session_state["level"] = pick.isolation.short


def _scenarios(shelf: Shelf) -> Sequence[str]:
    keys = [scenario.key for scenario in shelf.scenarios()]
    return [*keys, OWN] if "own" in st.session_state else keys


def _scenario_of(key: str) -> Scenario:
    own = st.session_state.get("own")
    return own if key == OWN and isinstance(own, Scenario) else find(key)


def _scenario_label(key: str) -> str:
    scenario = _scenario_of(key)
    title = _(scenario.title)
    return _("{title} (your own)").format(title=title) if key == OWN else title


def _variant_label(variant: Variant) -> str:
    title = _(variant.title)
    return _("Fix: {title}").format(title=title) if variant.is_fix else title


def _scenario_chosen() -> None:
    key = str(st.session_state["scenario"])
    open_scenario(_scenario_of(key), own=key == OWN)


def open_scenario(scenario: Scenario, *, own: bool = False) -> None:
    """Pick the first variant of a scenario, at the level that it opens at."""
    first = scenario.variants[0]
    choose(Pick(scenario, first, link.first_level(scenario), first.schedule, own=own))
    st.session_state["complaints"] = ()


def _variant_chosen() -> None:
    now = current()
    variant = now.scenario.variant(str(st.session_state["variant"]))
    choose(replace(now, variant=variant, schedule=variant.schedule, step=None))


def _level_chosen() -> None:
    choose(replace(current(), isolation=Isolation.parse(str(st.session_state["level"])), step=None))


def reschedule(schedule: Schedule) -> None:
    """Pick the same variant in another order."""
    choose(replace(current(), schedule=schedule, step=None))


def stand_at(step: int | None) -> None:
    """Remember where the transport stands."""
    st.session_state["pick"] = replace(current(), step=step)
