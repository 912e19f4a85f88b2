"""Small things that every page is made of, and that know of no page."""
