"""Keys for whoever presents: arrows and a clicker's leaves, levels, the fix, the next scenario, and a dark screen.

The browser listens, in one place, and works the page's own controls, which it finds by their keys: `anomalies_cure`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.kit.slots import PAGE

SCRIPT = Path(__file__).with_suffix(".js")
#: What moves the first session that somebody drives by hand, the second, and so on: from both ends of the home row.
MOVES = "ALSKDJ"


def listen() -> None:
    """On every page, after its name is known; the document says in which language it is."""
    data = {"page": PAGE.get(), "title": _("Keys"), "help": _help(), "language": language(), "moves": MOVES.lower()}
    _component()(key="app_keys", data=data)


def _help() -> list[tuple[list[str], str]]:
    """Keys and what they do, in the language in use."""
    return [
        (["←", "→", "PgUp", "PgDn"], _("One step back, one step on")),
        ([_("Space")], _("Play, pause")),
        (["Alt ←", "Alt →"], _("Move the bar at the playhead one place earlier, one later")),
        (["1", "2", "3"], _("Isolation level")),
        (["V"], _("Next variant")),
        (["F"], _("Fix it and run again")),
        (["Enter"], _("Run again")),
        (["[", "]"], _("Previous and next scenario")),
        ([*MOVES[:4], "…"], _("Drive it yourself: next step of T1, T2, T3, T4 …")),
        (["U"], _("Drive it yourself: undo")),
        (["P"], _("Projector")),
        (["B", "."], _("Dark screen")),
        (["?"], _("These keys")),
    ]


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "txscope_keys",
        css=SCRIPT.with_suffix(".css").read_text("utf-8"),
        js=SCRIPT.read_text("utf-8"),
        isolate_styles=False,  # the dark screen and the list lie over the whole page
    )
