"""Home: what this is, a collision that has just run, where to go, and the state of the database."""

import streamlit as st

st.title("Txscope")
