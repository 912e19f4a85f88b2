"""FastAPI: how get_db is written, how the endpoint ends, and what the client and the database then hold."""

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.components import versions
from simulator.ui.fastapi import cell, matrix, picker, teardown

pick = picker.pick()
matrix.story()
with st.container(horizontal=True, vertical_alignment="bottom"):
    picker.switch(pick)
    if st.button(_("Run again"), icon="🔁"):
        matrix.forget()
with problems():
    cells = matrix.cells(pick)
    matrix.show(pick, cells)
    cell.show(cells[pick.dependency, pick.ending])
    teardown.show()
    versions.show()
address.follow(picker.LINK.write(pick))
