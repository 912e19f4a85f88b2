"""SQL as it is read here: its tree, what of it can be followed, what a statement reads and writes."""

import logging

# It tells of every statement that it does not know. Here that is expected: such a statement is run and not followed.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
