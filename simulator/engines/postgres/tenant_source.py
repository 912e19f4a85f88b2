"""Where tenants come from on one server: `embedded/tenants.py` and `external_tenants.py` are such sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import psycopg

from simulator.engines.postgres.connection import ServerConnection
from simulator.errors import EngineError
from simulator.i18n.text import Text


@dataclass(frozen=True, slots=True)
class Account:
    """How a tenant logs in, and how the privileged side does beside it. Neither is ever shown."""

    number: int
    role: str
    #: libpq connection string of the role; nobody else's statements run there
    session: str
    #: of the privileged side, in the same database; no statement of a visitor runs there
    control: str


class TenantSource(Protocol):
    """Where tenants come from on one server. Its methods raise EngineError; deadlines are monotonic seconds."""

    #: whether every tenant has a role of its own
    isolated: bool
    #: the server is ours alone: catalogues are to be vacuumed by us, heap pages can be read
    embedded: bool
    #: connections of a role that are kept for its next run, and tenants that wait for who comes next
    kept: int
    stock: int

    def claim(self, number: int) -> Account | None:
        """Take the tenant of this number for this process, made if it was not there; None where another has it."""

    def prepare(self, account: Account, control: ServerConnection, deadline: float) -> None:
        """Whatever anybody left: gone. For a new tenant, one of an earlier process, and one that was not washed."""

    def clean(self, account: Account, control: ServerConnection, schemas: tuple[str, ...], deadline: float) -> bool:
        """Drop these schemas; False where a run left more than that, and `prepare` has to look."""

    def remove(self, account: Account) -> None:
        """Give the tenant up for ever; the next one of this number is a new one."""

    def label(self) -> str:
        """A name for a run's schema that nobody can guess."""

    def notice(self) -> Text:
        """What people should know of how the server was started, in a sentence; mostly nothing."""

    def explain(self, error: psycopg.Error) -> EngineError:
        """One sentence for a connection that failed."""

    def alive(self, *, surely: bool = False) -> bool:
        """Whether the server still holds our connection; `surely` connects once more. False after `close`."""

    def heal(self) -> None:
        """Connect again, after starting the server where it is ours."""

    def close(self) -> None: ...
