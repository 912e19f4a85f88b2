"""The installed libraries, and what a library does since which version: a sentence on a page is true of these."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from simulator.i18n.text import N_

#: Distribution and how people call it, in the order in which they are told.
LIBRARIES = (
    ("sqlalchemy", "SQLAlchemy"),
    ("psycopg2-binary", "psycopg2"),
    ("psycopg", "psycopg"),
    ("fastapi", "FastAPI"),
    ("starlette", "Starlette"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One behaviour that an older version does not have; the sentence is for gettext."""

    key: str
    library: str
    since: str
    sentence: str


#: From the release notes of FastAPI; `max_concurrency` from the wheels: 0.162.0 has none, 0.163.0 has it.
CHANGES = (
    Change(
        "teardown_after_response",
        "FastAPI",
        "0.118.0",
        N_("The code after yield runs after the response. From 0.106.0 to 0.117.1 it ran before it was sent."),
    ),
    Change(
        "scope_function",
        "FastAPI",
        "0.121.0",
        N_('Depends(…, scope="function"): the code after yield runs before the response.'),
    ),
    Change(
        "max_concurrency",
        "FastAPI",
        "0.163.0",
        N_("Depends(…, max_concurrency=): so many requests have the dependency at once; the others take no thread."),
    ),
)
_BY_KEY = {change.key: change for change in CHANGES}


def change(key: str) -> Change:
    """The change of this key. Raises KeyError."""
    return _BY_KEY[key]


def installed() -> tuple[tuple[str, str], ...]:
    """(`SQLAlchemy`, `2.1.9`) and so on, as this process imports them."""
    return tuple((name, version(distribution)) for distribution, name in LIBRARIES)
