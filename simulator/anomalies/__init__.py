"""From what was observed to a verdict: observations -> dependencies -> cycles -> named anomalies -> words.

Nothing in this package knows a database, a thread or a page.
"""
