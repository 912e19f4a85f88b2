"""One module a figure: first its info (a NamedTuple that a test can read), then the plot. No Streamlit, no I/O."""
