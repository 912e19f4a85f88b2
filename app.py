"""`streamlit run app.py`: Streamlit imports this file as a server application, and runs it as a script for each person.

Both happen in one process, so this file is read twice, under two names. Streamlit reads the source to find out that
there is an application: `app = st.App(...)` has to stand here as it does.
"""

import streamlit as st

from simulator.ui.app import server, shell

if __name__ == "__main__":
    shell.show()
else:
    app = st.App(__file__, **server.settings())
