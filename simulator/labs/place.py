"""Where an application under observation works: a schema of its own, engines that end with the run, an observer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine
from sqlalchemy.exc import InterfaceError, OperationalError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from simulator.engines.base import Engine, Room
from simulator.engines.postgres.statements import asked
from simulator.errors import EngineBusy, EngineError, one_line
from simulator.i18n.text import Text
from simulator.model import Row

#: What SQLAlchemy raises on a connection that the server has closed.
_LEFT = (OperationalError, InterfaceError, ResourceClosedError)


class Place:
    """One run's place. `open_place` makes it; when that block ends, nothing is left of it on the server."""

    def __init__(self, room: Room, keywords: Mapping[str, str], stack: ExitStack) -> None:
        self._room = room
        self._keywords = keywords
        self._stack = stack

    @property
    def label(self) -> str:
        """The schema; the application's connections are called `<label>:app` on the server."""
        return self._room.label

    @property
    def keywords(self) -> Mapping[str, str]:
        """How the application connects, for a program that does it by itself; a password is in them."""
        return self._keywords

    def create_engine(self, **settings: Any) -> SqlEngine:
        """The application's own engine on psycopg2, with `create_engine`'s settings; disposed when the run ends."""
        engine = create_engine("postgresql+psycopg2://", connect_args=dict(self._keywords), **settings)
        self._stack.callback(engine.dispose)
        return engine

    def create_async_engine(self, **settings: Any) -> AsyncEngine:
        """The same on psycopg 3 and asyncio. Who uses it must `await engine.dispose()` in the loop that used it."""
        return create_async_engine("postgresql+psycopg://", connect_args=dict(self._keywords), **settings)

    def quiet_engine(self) -> SqlEngine:
        """An engine for setting up and looking, which no trace should show: no pool, one connection a use."""
        return create_engine("postgresql+psycopg2://", connect_args=self._as("setup"), poolclass=NullPool)

    def connect(self, purpose: str) -> psycopg.Connection:
        """A connection beside the application's, in autocommit, called `<label>:<purpose>`. Raises EngineError."""
        try:
            return psycopg.connect(**self._as(purpose), autocommit=True)
        except psycopg.Error as error:
            raise EngineError(one_line(error)) from None

    def ask(self, query: str) -> tuple[Row, ...]:
        """Rows of a query on the committed state, by the run's observer. Raises EngineError."""
        return self._room.ask(query)

    def application_backends(self) -> tuple[tuple[int, str], ...]:
        """(process, state) of the application's connections, by the server's own account."""
        with self.connect("look") as connection:
            rows = asked(connection, "application_backends", f"{self.label}:app")
        return tuple((int(pid), str(state)) for pid, state in rows)

    def end_backends(self) -> int:
        """The server ends the application's connections, those in the pool too; how many. Raises EngineError."""
        with self.connect("killer") as connection:
            return len(asked(connection, "end_application", f"{self.label}:app"))

    def _as(self, purpose: str) -> dict[str, Any]:
        return {**self._keywords, "application_name": f"{self.label}:{purpose}"}


@contextmanager
def open_place(engine: Engine, setup: Sequence[str], connections: int) -> Iterator[Place]:
    """A fresh schema with `setup` run in it, for an application with at most so many `connections`.

    When the block ends, its engines are disposed, connections that it leaked are ended by the server, and the schema
    is dropped. Raises EngineBusy, EngineError: also for what the run's own connections are told when the server leaves.
    """
    with engine.reserve(connections):
        room = engine.create_room(setup, 0)
        try:
            with _explained(), engine.application(room.label) as keywords, ExitStack() as stack:
                yield Place(room, keywords, stack)
        finally:
            room.close()


@contextmanager
def _explained() -> Iterator[None]:
    """What the run's own connections are told says nothing of a run: say it for them."""
    try:
        yield
    except EngineBusy:
        raise
    except (EngineError, psycopg.OperationalError, *_LEFT) as error:
        report = one_line(getattr(error, "orig", None) or error).rstrip(".")
        sentence = Text.of("The server left before the run had ended, and what it did is lost: {report}. Run it again.")
        raise EngineError(sentence.given(report=report)) from None
