"""What an ACID run has observed, and its sentences in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from simulator.history.schedule import History
from simulator.i18n.text import Text
from simulator.model import Scalar


@dataclass(frozen=True, slots=True)
class Failure:
    """What the application got: SQLAlchemy's class, the driver's class and message, the server's SQLSTATE if known."""

    class_name: str
    driver_class: str
    message: str
    #: "" where the driver does not tell: psycopg2 hides it when the connection is gone
    sqlstate: str

    @classmethod
    def of(cls, error: DBAPIError) -> Failure:
        """What SQLAlchemy raised, without the statement and its parameters."""
        original = error.orig
        diagnostics = getattr(original, "diag", None)
        message = getattr(diagnostics, "message_primary", None) or str(original).strip()
        driver = f"{type(original).__module__}.{type(original).__qualname__}"
        return cls(type(error).__name__, driver, message, getattr(original, "pgcode", None) or "")

    def __str__(self) -> str:
        """The first line, as SQLAlchemy writes it: `IntegrityError: (psycopg2.errors.CheckViolation) new row …`."""
        return f"{self.class_name}: ({self.driver_class}) {self.message.splitlines()[0]}"


@dataclass(frozen=True, slots=True)
class AcidRun:
    """One run of one letter, and `twin`: the naive way beside it, observed in the same way."""

    key: str
    #: translated where it is shown
    title: str
    told: tuple[Text, ...]
    history: History
    #: (label, value) of what another connection read before and after, and of settings that the server named
    observed: tuple[tuple[Text, Scalar], ...]
    #: source of the application's function
    code: str
    #: whether the property held in this run
    held: bool
    #: what the application got; None where nothing was raised
    failure: Failure | None = None
    #: lines of the server's log, where the run has a server of its own
    server_log: tuple[str, ...] = ()
    twin: AcidRun | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was observed, in the language in use."""
        return tuple(map(str, self.told))

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """(label, value) in the language in use."""
        return tuple((str(label), str(value)) for label, value in self.observed)
