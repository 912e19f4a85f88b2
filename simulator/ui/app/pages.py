"""The pages and their order: navigation and home both read this table, and nobody else decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _

PAGES = Path(__file__).parents[3] / "pages"
#: The key of the page that opens first; its address is the root's.
HOME = "home"


@dataclass(frozen=True, slots=True)
class Lab:
    """One page; titles and sentences are translated where they are shown."""

    key: str
    icon: str
    title: str
    #: what a visitor finds out there
    sentence: str
    #: the menu of the navigation under which it stands
    group: str

    @property
    def path(self) -> Path:
        """The file of the page; a lab without one is not built yet and is shown nowhere."""
        return PAGES / f"{self.key}.py"

    def page(self) -> st.Page:
        """The page as Streamlit's navigation takes it."""
        return st.Page(self.path, title=_(self.title), icon=self.icon, url_path=self.key)


#: The menus, in their order; they fit a projector's 1280 pixels however many pages there are.
TRANSACTIONS, SESSIONS, LEARN = N_("Transactions"), N_("Sessions in code"), N_("Learn")

LABS = (
    Lab(
        "anomalies",
        "⚠️",
        N_("Anomalies"),
        N_("What each isolation level lets through, and which fix holds at which level."),
        TRANSACTIONS,
    ),
    Lab(
        "locks", "🔒", N_("Locks"), N_("Who waits for whom, how a deadlock closes, and how it is cured."), TRANSACTIONS
    ),
    Lab(
        "orders",
        "🔀",
        N_("Orders"),
        N_("Every order of the steps, run for real: how many of them go wrong, at which level, and which fix ends it."),
        TRANSACTIONS,
    ),
    Lab(
        "matrix",
        "🧮",
        N_("Matrix"),
        N_("Every scenario and every fix at every level, as run on this server."),
        TRANSACTIONS,
    ),
    Lab("sessions", "🔌", N_("Sessions"), N_("From the request to the connection's return to the pool."), SESSIONS),
    Lab(
        "mistakes", "💥", N_("Mistakes"), N_("What a shared or leaked Session really costs, beside its fix."), SESSIONS
    ),
    Lab(
        "fastapi",
        "🚀",
        N_("FastAPI"),
        N_("How get_db is written, how the endpoint ends, and what is stored then."),
        SESSIONS,
    ),
    Lab(
        "application",
        "🩺",
        N_("Your application"),
        N_("Open what the recorder saved: what is wrong, from which line, what it costs, and its cure."),
        SESSIONS,
    ),
    Lab(
        "lint",
        "🔎",
        N_("Your code"),
        N_("Paste code, a traceback or a log: which mistake is in it, and where it can be seen."),
        SESSIONS,
    ),
    Lab(
        "learn",
        "📖",
        N_("The course"),
        N_("What a Session is, from the first line to an agent's backend: every claim with its run."),
        LEARN,
    ),
)


def built() -> tuple[Lab, ...]:
    """The labs that can be opened, in their order."""
    return tuple(lab for lab in LABS if lab.path.exists())


def navigation() -> st.Page:
    """Show the menus; the page that is open, whose menu is named after it."""
    page = st.navigation(_menus(), position="top")
    open_lab = next((lab for lab in LABS if lab.key == page.url_path), None)
    if open_lab is not None:
        # Streamlit does not mark the menu of the open page, and knows the page only by now.
        st.navigation(_menus(open_lab), position="top")
    return page


def _menus(open_lab: Lab | None = None) -> dict[str, list[st.Page]]:
    """Home by itself, then the labs that can be opened, a menu a group."""
    shown: dict[str, list[st.Page]] = {"": [home()]}
    for lab in built():
        title = _(lab.group)
        if open_lab is not None and open_lab.group == lab.group:
            title = f"{title}: {_(open_lab.title)}"
        shown.setdefault(title, []).append(lab.page())
    return shown


def find(key: str) -> Lab:
    """The lab of this key. Raises StopIteration where there is none."""
    return next(lab for lab in LABS if lab.key == key)


def is_page(key: str) -> bool:
    """Whether there is a page of this key that can be opened."""
    return key == HOME or any(lab.key == key for lab in built())


def page_of(key: str) -> st.Page:
    """The page of a key. Raises StopIteration where there is none."""
    return home() if key == HOME else find(key).page()


def home() -> st.Page:
    """The page that opens first."""
    return st.Page(PAGES / f"{HOME}.py", title=_("Home"), icon="🏠", default=True)
