"""Scenario, variant and isolation level: chosen on the page, or by the link that opened it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import streamlit as st

from simulator.i18n import gettext as _
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.scenarios.loader import catalogue, find
from simulator.ui.app import arrival
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import HERE, Slot, here
from simulator.ui.schedules import mode, scenario_list
from simulator.ui.schedules import pick as link
from simulator.ui.schedules.pick import FAMILIES, Pick, Shelf

#: In place of a key of the catalogue: the scenario that this person loaded.
OWN = "own"
#: Before the name of a family, in place of a key: a heading in the list.
FAMILY = "family "
#: What is picked on Anomalies is another thing than what is picked on Locks.
PICK: Slot[Pick | None] = Slot(HERE, "pick", None)
OWN_SCENARIO: Slot[Scenario | None] = Slot(HERE, "own", None)
_OWN_NUMBER: Slot[int] = Slot(HERE, "own_number", 1)
_LOADED: Slot[int] = Slot("own", "loaded", 1)
_SCENARIO: Slot[str] = Slot(HERE, "scenario", "")
_VARIANT: Slot[str] = Slot(HERE, "variant", "")
_LEVEL: Slot[str] = Slot(HERE, "level", "")


def pick(shelf: Shelf) -> Pick:
    """Show the controls; what they stand at."""
    if follow_link(shelf):
        scenario_list.close()
    now = current()
    _fill_in(now)
    left, right = st.columns([5, 6])
    with left:
        st.selectbox(
            _("Scenario"),
            _scenarios(shelf),
            format_func=_scenario_label,
            key=_SCENARIO.key,
            on_change=_scenario_chosen,
        )
    with right:
        keys = [variant.key for variant in now.scenario.variants]
        st.selectbox(
            _("Variant"),
            keys,
            key=_VARIANT.key,
            on_change=_variant_chosen,
            format_func=lambda key: _variant_label(now.scenario.variant(key)),
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.segmented_control(
            _("Isolation level"),
            [level.short for level in now.scenario.levels],
            key=_LEVEL.key,
            required=True,
            wrap=True,
            format_func=lambda short: Isolation.parse(short).value,
            label_visibility="collapsed",
            on_change=_level_chosen,
        )
        mode.choose()
        scenario_list.show(shelf)
    _turns(shelf)
    link.link(shelf).complain()
    mode.LINK.complain()
    return now


def _turns(shelf: Shelf) -> None:
    """What the keys V, [ and ] press; nobody sees it."""
    with st.container(key=here("turns")):
        st.button(_("Next variant"), key=here("next_variant"), on_click=_turn_variant)
        st.button(_("Previous scenario"), key=here("previous_scenario"), on_click=_turn_scenario, args=(shelf, -1))
        st.button(_("Next scenario"), key=here("next_scenario"), on_click=_turn_scenario, args=(shelf, 1))


def _turn_variant() -> None:
    now = current()
    keys = [variant.key for variant in now.scenario.variants]
    _choose_variant(now.scenario.variant(_after(keys, now.variant.key, 1)))


def _turn_scenario(shelf: Shelf, by: int) -> None:
    now = current()
    keys = [key for key in _scenarios(shelf) if not key.startswith(FAMILY)]
    _open(_after(keys, OWN if now.own else now.scenario.key, by))


def _after(keys: Sequence[str], key: str, by: int) -> str:
    """The key so many places on, round and round."""
    return keys[(keys.index(key) + by) % len(keys)]


def choose(pick: Pick) -> None:
    """Make this the pick of the next script run."""
    PICK.set(pick)


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


def follow_link(shelf: Shelf) -> bool:
    """Once, on arrival: after that the address follows the page, a moment late. Whether the person has just arrived."""
    arrived = arrival.just_now()
    scenario = OWN_SCENARIO.get()
    if arrived and scenario is not None and (own := link.read_own(st.query_params, scenario, _OWN_NUMBER.get())):
        choose(own)
    elif arrived:
        link.link(shelf).follow(choose, anew=not PICK.is_set())
        mode.follow_link()
    return arrived


def current() -> Pick:
    """What this person has picked, on the page that they are on."""
    found = PICK.get()
    if found is None:
        raise LookupError("a page shows its controls first")
    return found


def _fill_in(pick: Pick) -> None:
    """Streamlit forgets a control's value while another page is open."""
    _SCENARIO.set(OWN if pick.own else pick.scenario.key)
    _VARIANT.set(pick.variant.key)
    _LEVEL.set(pick.isolation.short)


def _scenarios(shelf: Shelf) -> Sequence[str]:
    """Keys family by family; where there are several, a family's name stands above its scenarios."""
    keys: list[str] = []
    for family, group in groupby(shelf.scenarios(), key=lambda scenario: scenario.family):
        keys += [f"{FAMILY}{family}"] if len(shelf.families) > 1 else []
        keys += [scenario.key for scenario in group]
    return [*keys, OWN] if OWN_SCENARIO.is_set() else keys


def _scenario_of(key: str) -> Scenario:
    """A family's name stands for its first scenario."""
    own = OWN_SCENARIO.get()
    if key == OWN and own is not None:
        return own
    if key.startswith(FAMILY):
        return next(each for each in catalogue() if f"{FAMILY}{each.family}" == key)
    return find(key)


def _scenario_label(key: str) -> str:
    if key.startswith(FAMILY):
        return f"── {_(FAMILIES[key.removeprefix(FAMILY)])} ──"
    title = _(_scenario_of(key).title)
    return _("{title} (your own)").format(title=title) if key == OWN else title


def _variant_label(variant: Variant) -> str:
    title = _(variant.title)
    return _("Fix: {title}").format(title=title) if variant.is_fix else title


def _scenario_chosen() -> None:
    _open(_SCENARIO.get())


def _open(key: str) -> None:
    open_scenario(_scenario_of(key), own=_OWN_NUMBER.get() if key == OWN else 0)


def load_own(scenario: Scenario) -> None:
    """Pick a scenario that this person loaded; another one than any before it, also where its key is the same."""
    OWN_SCENARIO.set(scenario)
    _LOADED.set(_LOADED.get() + 1)
    _OWN_NUMBER.set(_LOADED.get())
    open_scenario(scenario, own=_LOADED.get())


def open_scenario(scenario: Scenario, *, own: int = 0) -> None:
    """Pick the first variant of a scenario, at the level that it opens at."""
    choose(link.opened(scenario, own=own))
    link.link(link.ANOMALIES).forget()  # its slot is the page's, and the same for both shelves
    mode.LINK.forget()


def _variant_chosen() -> None:
    _choose_variant(current().scenario.variant(_VARIANT.get()))


def _choose_variant(variant: Variant) -> None:
    choose(replace(current(), variant=variant, schedule=variant.schedule, step=None))


def _level_chosen() -> None:
    choose(replace(current(), isolation=Isolation.parse(_LEVEL.get()), step=None))


def reschedule(schedule: Schedule) -> None:
    """Pick the same variant in another order."""
    choose(replace(current(), schedule=schedule, step=None))


def stand_at(step: int | None) -> None:
    """Remember where the transport stands."""
    choose(replace(current(), step=step))
