"""What went wrong, where, and how to go on: one sentence and buttons, in place of what could not be shown.

It is not red: red is for anomalies and aborts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from simulator.errors import EngineBusy, EngineError, TxscopeError
from simulator.i18n import gettext as _
from simulator.ui.app.manager import manager
from simulator.ui.app.web.lan import is_loopback
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import here

log = logging.getLogger("txscope")


@contextmanager
def problems(key: str = "page") -> Iterator[None]:
    """Show an error of the block as a sentence; what follows the block is shown all the same."""
    try:
        yield
    except EngineBusy as error:
        st.warning(plain(str(error)), icon="⏳")
        st.button(_("Try again"), key=here(f"again_{key}"))
    except EngineError as error:
        if manager().is_open():
            st.warning(plain(str(error)), icon="⚠️")
        else:
            _no_engine(str(error), key)
    except TxscopeError as error:
        st.warning(plain(str(error)), icon="⚠️")


def _no_engine(sentence: str, key: str) -> None:
    if not is_loopback(st.get_option("server.address")):
        # A room of strangers: where the database is, and which one everybody uses, is the presenter's business.
        log.warning("%s", sentence)
        st.warning(_("The presenter's database does not answer. The terminal of the server says why."), icon="🔌")
        st.button(_("Try again"), key=here(f"again_{key}"), on_click=manager().retry)
        return
    st.warning(plain(sentence), icon="🔌")
    with st.container(horizontal=True):
        st.button(_("Try again"), key=here(f"again_{key}"), on_click=manager().retry)
        if manager().wants_external:
            st.button(
                _("Use the embedded server instead"),
                key=here(f"embedded_{key}"),
                type="primary",
                on_click=manager().use_embedded,
            )
