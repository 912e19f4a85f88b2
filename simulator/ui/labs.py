"""The pages and their order: navigation and home both read this table, and nobody else decides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _

PAGES = Path(__file__).parents[2] / "pages"


@dataclass(frozen=True, slots=True)
class Lab:
    """One page; titles and sentences are translated where they are shown."""

    key: str
    icon: str
    title: str
    #: what a visitor finds out there
    sentence: str

    @property
    def path(self) -> Path:
        """The file of the page; a lab without one is not built yet and is shown nowhere."""
        return PAGES / f"{self.key}.py"

    def page(self) -> st.Page:
        """The page as Streamlit's navigation takes it."""
        return st.Page(self.path, title=_(self.title), icon=self.icon, url_path=self.key)


LABS = (
    Lab(
        "anomalies",
        "⚠️",
        N_("Anomalies"),
        N_("What each isolation level lets through, and which fix holds at which level."),
    ),
    Lab("locks", "🔒", N_("Locks"), N_("Who waits for whom, how a deadlock closes, and how it is cured.")),
    Lab("sessions", "🔌", N_("Sessions"), N_("From the request to the connection's return to the pool.")),
    Lab("mistakes", "💥", N_("Mistakes"), N_("What a shared or leaked Session really costs, beside its fix.")),
    Lab("fastapi", "🚀", N_("FastAPI"), N_("How get_db is written, how the endpoint ends, and what is stored then.")),
)


def built() -> tuple[Lab, ...]:
    """The labs that can be opened, in their order."""
    return tuple(lab for lab in LABS if lab.path.exists())


def find(key: str) -> Lab:
    """The lab of this key. Raises StopIteration where there is none."""
    return next(lab for lab in LABS if lab.key == key)


def home() -> st.Page:
    """The page that opens first."""
    return st.Page(PAGES / "home.py", title=_("Home"), icon="🏠", default=True)
