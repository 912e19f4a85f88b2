"""What the first page is made of beside its collision: what this is, the ways on, and the state of the database."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.engines.base import ServerInfo
from simulator.errors import EngineError
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.ui.app import pages
from simulator.ui.app.manager import manager
from simulator.ui.kit.plain import plain


def title() -> None:
    """What this is, in one sentence."""
    st.html(
        f'<div class="tx-title"><h1>Txscope</h1><p>'
        f"{escape(_('Real transactions collide on a real PostgreSQL. See what each isolation level makes of it.'))}"
        "</p></div>"
    )


def ways_on() -> None:
    """The labs that are built, in their order, and where they run."""
    found = pages.built()
    with st.container(key="home_labs"):
        columns = st.columns(len(found), gap="small")
    for lab, column in zip(found, columns, strict=True):
        with column, st.container(border=True, height="stretch", gap="xxsmall"):
            st.page_link(lab.page(), label=f"**{_(lab.title)}**", icon=lab.icon)
            st.markdown(_(lab.sentence))
    database()


def database() -> None:
    """Which server, which version, how many runs."""
    try:
        info = manager().info()
    except EngineError:  # told in full above
        st.markdown(f"🗄️ **{_('No database')}**")
        return
    number = manager().runs_going_on()
    going_on = ngettext("{n} run going on", "{n} runs going on", number).format(n=number)
    st.markdown(f"🗄️ **{plain(info.product)} {plain(info.version)}** · {plain(_place(info))} · {going_on}")
    if info.notice:
        st.info(plain(info.notice), icon="🧰")


def _place(info: ServerInfo) -> str:
    return _("Embedded") if info.embedded else str(info.place)
