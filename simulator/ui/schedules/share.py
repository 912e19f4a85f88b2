"""Take it along: a link that brings all of this back, and the whole run as a file."""

from __future__ import annotations

import json

import streamlit as st

from simulator.export.json import run_json
from simulator.i18n import gettext as _
from simulator.ui.app import address
from simulator.ui.schedules import pick as link
from simulator.ui.schedules import picker
from simulator.ui.schedules.pick import Pick
from simulator.verdict.run import RunResult


def show(pick: Pick, result: RunResult) -> None:
    """The link is that of the moment; the file is made when it is asked for."""
    st.markdown(_("**Link** to this scenario, variant, level, order and step:"))
    if pick.own:
        st.caption(_("A scenario of your own is known to this browser tab only; a link cannot bring it back."))
    else:
        st.code(address.link_to(link.whole(picker.current())), language=None, wrap_lines=True)
    st.download_button(
        _("Download this run as JSON"),
        lambda: json.dumps(run_json(result), ensure_ascii=False, indent=1),
        file_name=f"txscope-{result.scenario.key}-{result.variant.key}-{result.isolation.short}.json",
        mime="application/json",
        on_click="ignore",
        icon="💾",
    )
