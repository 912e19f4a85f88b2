"""FastAPI: how get_db is written, how the endpoint ends, and what the client and the database then hold."""

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui import address
from simulator.ui.banner import problems
from simulator.ui.requests import cell, matrix, picker, teardown

pick = picker.pick()
with st.container(horizontal=True, vertical_alignment="bottom"):
    picker.switch(pick)
    if st.button(_("Run again"), icon="🔁"):
        matrix.forget()
with problems():
    cells = matrix.cells(pick)
    matrix.show(pick, cells)
    cell.show(cells[pick.dependency, pick.ending])
    teardown.show()
address.follow(picker.parameters(pick))
