"""The smallest that goes wrong: found on demand, shown, and taken along as a scenario, a test or a .spec file."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from simulator.engines.base import Engine
from simulator.errors import ScenarioError
from simulator.experiments.orders import Smallest, Sweep
from simulator.export.orders import smallest_lines, smallest_of, smallest_spec, smallest_test, smallest_toml
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.ui.components import kept
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot, here
from simulator.ui.orders.subject import Subject

#: What it is called, its ending, and how it is written.
_FILES: tuple[tuple[str, str, Callable[[Smallest], str]], ...] = (
    (N_("Scenario file"), "{key}_smallest.toml", smallest_toml),
    (N_("Test for pytest"), "test_{key}_order.py", smallest_test),
    (N_("File of isolationtester"), "{key}.spec", smallest_spec),
)
_WANTED: Slot[object] = Slot("orders", "smallest_of", None)


def show(subject: Subject, sweeps: tuple[Sweep, ...]) -> None:
    """Of the first variant and level that goes wrong."""
    worst = next((sweep for sweep in sweeps if sweep.simplest_wrong is not None), None)
    if worst is None or worst.simplest_wrong is None:
        st.markdown(_("No order that was run goes wrong, so there is none to make smaller."))
        return
    wanted = (*subject.id, worst.variant.key, worst.isolation, worst.simplest_wrong.order)
    if _WANTED.get() != wanted:
        st.markdown(
            _(
                "The simplest order that goes wrong is run again and again with a step, a session or a row left out, "
                "as long as the same comes of it."
            )
        )
        st.button(_("Make it smaller"), icon="✂️", key=here("orders_smaller"), on_click=_WANTED.set, args=(wanted,))
        return

    def make(engine: Engine) -> Smallest | None:
        return smallest_of(engine, worst)

    found = kept.made("orders_smallest", wanted, make, doing=_("Leaving out what is not needed"))
    if found is not None:
        st.code("\n".join(smallest_lines(found)), language=None, wrap_lines=True)
        _files(subject, found)


def _files(subject: Subject, found: Smallest) -> None:
    st.caption(
        _(
            "The test needs nothing of this project: it runs against DATABASE_URL, and fails as long as the order goes "
            "wrong."
        )
    )
    with st.container(horizontal=True):
        for title, name, text in _FILES:
            try:
                data = text(found)
            except ScenarioError as error:
                st.caption(f"{_(title)}: {plain(str(error))}")
                continue
            file = name.format(key=subject.scenario.key)
            st.download_button(_(title), data, file, icon="💾", key=here(f"orders_{name}"), on_click="ignore")
