"""What each setting did in this run, beside what it did in the run before."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.sessions.effects import Effect, effects
from simulator.ui.sessions import runs
from simulator.ui.sessions.runs import Shown


def show(shown: Shown) -> None:
    """A row a setting; the settings that were changed since the last run come first."""
    if shown.result is None:
        st.caption(_("This history was opened: what its settings were is known to who recorded it."))
        return
    now = effects(shown.result, shown.trace)
    earlier = runs.before()
    then = effects(earlier.result, earlier.trace) if earlier is not None and earlier.result is not None else ()
    rows = [_row(each, next((it for it in then if it.setting == each.setting), None)) for each in now]
    rows.sort(key=lambda row: not row[_("Value")].startswith(_CHANGED))
    st.table(rows, border="horizontal")
    st.caption(
        _(
            "Choose the requests “What the settings do”, change one setting, and run again: the run before stands "
            "beside the new one."
        )
    )


_CHANGED = "➜ "


def _row(now: Effect, then: Effect | None) -> dict[str, str]:
    changed = then is not None and then.value != now.value
    return {
        _("Setting"): f"`{now.setting}`",
        _("Value"): f"{_CHANGED}**{now.value}**" if changed else now.value,
        _("What was seen of it"): str(now.seen),
        _("The run before"): f"{then.value}: {then.seen}" if then is not None else "",
    }
