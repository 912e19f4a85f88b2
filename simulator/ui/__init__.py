"""The only package that knows Streamlit, with pages/ and app.py: building blocks that every page is made of."""
