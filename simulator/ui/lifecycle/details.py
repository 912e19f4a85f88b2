"""Below the timeline, a tab each; a tab works only while it is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.lifecycle.load import Load
from simulator.ui.banner import problems
from simulator.ui.language import fragment
from simulator.ui.lifecycle import acid, code, effects, objects, own, path
from simulator.ui.lifecycle.runs import Shown


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; `show` draws it."""

    key: str
    title: str
    show: Callable[[Shown, Load], None]


TABS = (
    Tab("path", N_("Where the time went"), lambda shown, _load: path.show(shown)),
    Tab("objects", N_("Object states"), lambda shown, _load: objects.show(shown)),
    Tab("effects", N_("What the settings did"), lambda shown, _load: effects.show(shown)),
    Tab("code", N_("Code"), lambda shown, load: code.show(shown.result.load if shown.result else load)),
    Tab("acid", N_("ACID"), lambda _shown, _load: acid.show()),
    Tab("own", N_("Your own application"), lambda shown, _load: own.show(shown)),
)


@fragment
def show(shown: Shown, load: Load) -> None:
    """A row of tabs; the first is open."""
    boxes = st.tabs([_(tab.title) for tab in TABS], key="lifecycle_tabs", on_change="rerun")
    for tab, box in zip(TABS, boxes, strict=True):
        if box.open:
            with box, problems(tab.key):
                tab.show(shown, load)


def before(shown: Shown, load: Load) -> None:
    """What may be seen before the guess: the code."""
    code.show(shown.result.load if shown.result else load)
