"""One application under observation: engine, sessionmaker, recorder, FastAPI and uvicorn, and all of it gone after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.util import greenlet_spawn

from simulator.history.application import Moment
from simulator.labs.fastapi.observed import observed_app, traced
from simulator.labs.fastapi.order import LEFT
from simulator.labs.fastapi.server import Served, serve
from simulator.labs.place import Place
from simulator.recorder import Recorder, trace

#: Seconds that an endpoint waits for what must happen first; a run that fails does not hang.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Leak:
    """What is still held when every request has ended."""

    #: connections that the pool has not got back
    connections: int
    #: of the server's sessions, those that are idle in transaction
    transactions: int


@dataclass(slots=True, eq=False)
class Departure:
    """A client that leaves while its endpoint waits: at `reached` it goes, at `gone` the endpoint goes on."""

    reached: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)

    def llm(self, recorder: Recorder) -> Callable[[str], str]:
        """A model that thinks for as long as the client is there."""

        def ask(prompt: str) -> str:
            with recorder.work("ask the model", "llm"):
                self.reached.set()
                self.gone.wait(PATIENCE_S)
            return f"{prompt} (answered)"

        return ask

    def llm_async(self, recorder: Recorder) -> Callable[[str], Any]:
        """The same for `async def`."""

        async def ask(prompt: str) -> str:
            with recorder.work("ask the model", "llm"):
                self.reached.set()
                await anyio.to_thread.run_sync(self.gone.wait, PATIENCE_S)
            return f"{prompt} (answered)"

        return ask


@dataclass(slots=True, eq=False)
class Application:
    """What `open_application` gives: everything up, no request sent yet, no endpoint added yet."""

    place: Place
    app: FastAPI
    engine: SqlEngine | AsyncEngine
    #: sessionmaker or async_sessionmaker
    session_local: Any
    recorder: Recorder
    served: Served
    departure: Departure

    def leak(self) -> Leak:
        """Ask when `served.settle()` has returned."""
        states = [state for _, state in self.place.application_backends()]
        held: Any = self.sync_engine.pool
        return Leak(held.checkedout(), sum(state.startswith("idle in transaction") for state in states))

    @property
    def sync_engine(self) -> SqlEngine:
        """The engine that has the pool."""
        return self.engine.sync_engine if isinstance(self.engine, AsyncEngine) else self.engine


@contextmanager
def open_application(
    place: Place, *, is_async: bool = False, expire_on_commit: bool = False, **engine_settings: Any
) -> Iterator[Application]:
    """Serve an empty FastAPI application on `place`; the block adds endpoints and sends requests.

    Sessions are kept alive until the block ends, so that the garbage collector does not give a leaked connection back
    at a moment of its own choice. Raises RunError.
    """
    engine = (place.create_async_engine if is_async else place.create_engine)(**engine_settings)
    kept: list[Session] = []
    maker: Any
    if isinstance(engine, AsyncEngine):
        maker = async_sessionmaker(engine, sync_session_class=_keeping(kept), expire_on_commit=expire_on_commit)
    else:
        maker = sessionmaker(engine, class_=_keeping(kept), expire_on_commit=expire_on_commit)
    departure = Departure()
    with trace(engine, maker) as recorder:

        def left(request: str) -> None:
            recorder.tape.note(Moment, {"label": LEFT}, request=request)
            departure.gone.set()

        app = observed_app(recorder)
        with serve(traced(app, recorder), left) as served:
            try:
                yield Application(place, app, engine, maker, recorder, served, departure)
            finally:
                departure.gone.set()
                served.run(_let_go(engine, kept))


def _keeping(kept: list[Session]) -> type[Session]:
    class KeptSession(Session):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            kept.append(self)

    KeptSession.__name__ = KeptSession.__qualname__ = "Session"
    return KeptSession


async def _let_go(engine: SqlEngine | AsyncEngine, kept: list[Session]) -> None:
    """Give back what was leaked; asyncio's connections can only be closed in the loop that opened them."""
    if isinstance(engine, AsyncEngine):
        for session in kept:
            await greenlet_spawn(session.close)
        await engine.dispose()
    else:
        for session in kept:
            session.close()
        # Cells share a place: what a pool keeps open would add up to more than the place may have.
        engine.dispose()
    kept.clear()
