"""What one side of a mistake runs on: the application's engine and Sessions under the recorder, clients, and gates."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.util import greenlet_spawn

from simulator.errors import RunError
from simulator.history.application import RequestEnded
from simulator.history.schedule import History
from simulator.i18n.text import N_, Text
from simulator.labs.mistakes.clients import CLIENT, Clients
from simulator.labs.mistakes.forked import run_forked
from simulator.labs.mistakes.gate import DEADLINE_S, Gate
from simulator.labs.mistakes.held import Held
from simulator.labs.place import Place
from simulator.recorder import BackendWatch, Recorder, trace, trace_also

#: Seconds between two looks at the server; what is waited for decides, not the looks.
_PACE_S = 0.001
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s AND wait_event_type = 'Lock'"


@dataclass(frozen=True, slots=True)
class Leaks:
    """What nobody gave back, counted before anything is reclaimed."""

    #: checked out of the pool
    connections: int
    #: backends of the application that are idle in a transaction
    transactions: int


@dataclass(slots=True)
class _Bar:
    """Where a gate stands: which clients it stops, and at which statements."""

    gate: Gate
    where: str
    client: str | None
    sql: str

    def stops(self, where: str, client: str | None, sql: str) -> bool:
        return where == self.where and self.client in (None, client) and self.sql in sql


class Stage(Clients):
    """One side's stage. `run_side` makes it and clears it; an entry's `run` uses it."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self._recorder: Recorder | None = None
        self._engine: SqlEngine | None = None
        self._maker: sessionmaker[Session] | async_sessionmaker[AsyncSession] | None = None
        self._held = Held()
        self._bars: list[_Bar] = []
        self._leaks: Leaks | None = None
        self._elsewhere: History | None = None
        self._tracing = ExitStack()

    # The application: one engine, one sessionmaker.

    def create_engine(self, **settings: Any) -> SqlEngine:
        """`sqlalchemy.create_engine` with these settings, for this run's schema (psycopg2); once a run."""
        engine = self.place.create_engine(**settings)
        self._watch(engine, sessionmaker(engine))
        return engine

    def create_async_engine(self, **settings: Any) -> AsyncEngine:
        """The same on psycopg 3 and asyncio; once a run. `run_async` disposes of it in its own loop."""
        engine = self.place.create_async_engine(**settings)
        self._watch(engine, async_sessionmaker(engine))
        return engine

    def another_engine(self, **settings: Any) -> SqlEngine:
        """One more, for an application that makes its own; its Sessions are `Session(engine)`. Raises RunError.

        `create_engine` comes first: the recorder goes with that one, whether it is used or not.
        """
        engine = self.place.create_engine(**settings)
        self._tracing.enter_context(trace_also(self.recorder, engine))
        self._listen(engine, "checkout", self._held.took)
        return engine

    def session_maker(self, engine: SqlEngine, **settings: Any) -> sessionmaker[Session]:
        """`sqlalchemy.orm.sessionmaker` for the engine of this run, under the recorder."""
        maker = self._maker
        if engine is not self._engine or not isinstance(maker, sessionmaker):
            raise RunError(Text.of("A demonstration has one engine and one sessionmaker."))
        maker.configure(**settings)
        return maker

    def async_session_maker(self, engine: AsyncEngine, **settings: Any) -> async_sessionmaker[AsyncSession]:
        """`sqlalchemy.ext.asyncio.async_sessionmaker` for the engine of this run, under the recorder."""
        maker = self._maker
        if engine.sync_engine is not self._engine or not isinstance(maker, async_sessionmaker):
            raise RunError(Text.of("A demonstration has one engine and one sessionmaker."))
        maker.configure(**settings)
        return maker

    def sessions(self, **settings: Any) -> sessionmaker[Session]:
        """The usual application: an engine with these settings, and its sessionmaker."""
        return self.session_maker(self.create_engine(**settings))

    def let_collect(self) -> None:
        """From here on the garbage collector may take a forgotten Session.

        Otherwise the stage holds on to every Session and connection that was used, so that a leak does not depend on
        when the collector comes by.
        """
        self._held.let_go()

    def run_async(self, main: Callable[[], Awaitable[object]]) -> None:
        """Run a coroutine in a loop and a thread of its own; leaks are counted there before the engine is disposed."""

        async def all_of_it() -> None:
            try:
                await asyncio.wait_for(main(), DEADLINE_S)
                self.count_leaks()
            except TimeoutError:
                raise RunError(Text.of("The clients were not answered in time.")) from None
            finally:
                await self.let_go()

        def loop() -> None:
            # psycopg needs a selector, which is not what every platform has by default.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(all_of_it())

        self.thread("loop", loop).join()

    async def let_go(self) -> None:
        """Take back what leaked, in the loop that used the run's async engine, and dispose of the engine."""
        await greenlet_spawn(self._held.reclaim)
        if self._engine is not None and self._engine.dialect.is_async:
            await AsyncEngine(self._engine).dispose()

    # Order.

    def gate(self, where: str, client: str | None = None, sql: str = "") -> Gate:
        """A shut gate for this client, or for all.

        `where`: `checkout` (a connection is being taken), `reset` (one is on its way back), `before_commit`,
        `before_cursor_execute` and `after_cursor_execute` (of a statement that has `sql` in it), or `llm` (the call of
        a model).
        """
        gate = Gate(where)
        self._bars.append(_Bar(gate, where, client, sql))
        return gate

    def llm(self, prompt: str) -> str:
        """The model's service, which the code on show calls: it answers at once, unless a gate stands there."""
        with self.recorder.work("LLM", "llm"):
            self._pass("llm")
        return f"An answer to: {prompt}"

    def fork(self, child: str) -> None:
        """Run a program that forks, as `run_forked` has it: its clients are told, and its history is this run's."""
        self.create_engine()
        forked = run_forked(self.place.keywords, child)
        for told in forked.told:
            self.tell(told)
        self._elsewhere = forked.history

    async def words(self, prompt: str) -> AsyncIterator[str]:
        """The same service, which answers word by word; a gate at `llm` stands behind its first word."""
        with self.recorder.work("LLM", "llm"):
            yield "Twice"
            await asyncio.to_thread(self._pass, "llm")
            yield f"the length of {len(prompt)}"

    def meanwhile(self, slow: Callable[[], object], quick: Callable[[], object]) -> None:
        """A works until it calls the model; B comes, works and has its answer; then the model answers A."""
        with self.gate("llm", "A") as thinking:
            first = self.start("A", slow)
            thinking.reached()
            self.call("B", quick)
        first.join()

    def wait_for_lock(self, count: int = 1, *, or_told: int | None = None) -> None:
        """Wait until the server says that so many of the run's backends wait for a lock. Raises RunError.

        `or_told`: until then, or until so many clients have their answers: who may or may not have to wait.
        """
        with self.place.connect("look") as connection:

            def waiting() -> bool:
                row = connection.execute(_WAITING, (f"{self.place.label}:%",)).fetchone()
                return row is not None and row[0] >= count

            def settled() -> bool:
                return waiting() or (or_told is not None and len(self.told) >= or_told)

            self.until(settled, Text.of("No backend came to wait for a lock in time."))

    def wait_ended(self, request: str) -> None:
        """Wait until this request has ended, background tasks and the code after `yield` included. Raises RunError."""

        def ended() -> bool:
            return any(
                kind is RequestEnded and name == request for _, kind, _, name, *_ in tuple(self.recorder.tape.notes)
            )

        self.until(ended, Text.of("{name} did not come to an end in time.", name=request))

    def end_backends(self) -> None:
        """The server ends the application's connections, as a restart would, and has done so on return."""
        with self.place.connect("administrator") as connection:
            for backend, _state in self.place.application_backends():
                connection.execute("SELECT pg_terminate_backend(%s)", (backend,))
            self.until(
                lambda: not self.place.application_backends(),
                Text.of("The server did not end the connections in time."),
            )

    def until(self, holds: Callable[[], bool], otherwise: Text) -> None:
        """Wait until this holds. Raises RunError, which says `otherwise`, after the deadline."""
        deadline = monotonic() + DEADLINE_S
        pace = threading.Event()
        while not holds():
            if monotonic() > deadline:
                raise RunError(otherwise)
            pace.wait(_PACE_S)

    def moment(self, label: str, detail: str = "") -> None:
        """A point of the timeline that shall be seen."""
        self.recorder.moment(label, detail)

    # What came of it; for run_side.

    @property
    def recorder(self) -> Recorder:
        """Of the run's engine. Raises RunError before there is one."""
        if self._recorder is None:
            raise RunError(Text.of("The demonstration asks for its recorder before it has an engine."))
        return self._recorder

    def history(self) -> History:
        """What happened, here or in the program that did it. Raises RunError before there is an engine."""
        return self._elsewhere or self.recorder.history()

    def count_leaks(self) -> Leaks:
        """What is checked out, and what is idle in transaction, at the first call; later calls say the same."""
        if self._leaks is None:
            pool: Any = self._engine.pool if self._engine is not None else None
            checked_out = pool.checkedout() if hasattr(pool, "checkedout") else len(self._held.checked_out())
            ours = set(self.recorder.tape.backends())
            idle = [pid for pid, state in self.place.application_backends() if "idle in transaction" in state]
            self._leaks = Leaks(checked_out, len(ours.intersection(idle)))
        return self._leaks

    def finish(self) -> None:
        """Open every gate and wait for every thread. Raises RunError, or what a thread raised."""
        for bar in self._bars:
            bar.gate.open()
        self.join_all()

    def reclaim(self) -> None:
        """Take back what leaked, and stop listening."""
        self._tracing.close()
        self._held.reclaim()

    def _watch(self, engine: SqlEngine | AsyncEngine, maker: Any) -> None:
        if self._engine is not None:
            raise RunError(Text.of("A demonstration has one engine and one sessionmaker."))
        sync_engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
        self._engine, self._maker = sync_engine, maker
        self._recorder = self._tracing.enter_context(trace(engine, maker))
        self._tracing.enter_context(BackendWatch(self._recorder.tape, lambda: self.place.connect("watch")))
        session_class = maker.kw["sync_session_class"] if isinstance(maker, async_sessionmaker) else maker.class_
        self._listen(sync_engine, "checkout", self._held.took)
        self._listen(session_class, "after_begin", self._held.began)
        # After the recorder's own: what is stopped at a gate has been noted.
        self._listen(sync_engine, "checkout", lambda *_: self._pass("checkout"))
        self._listen(sync_engine, "reset", lambda *_: self._pass("reset"))
        self._listen(sync_engine, "before_cursor_execute", self._before)
        self._listen(sync_engine, "after_cursor_execute", self._after)
        self._listen(session_class, "before_commit", lambda _session: self._pass("before_commit"))

    def _listen(self, target: object, name: str, listener: Callable[..., None]) -> None:
        # SQLAlchemy would remember the listener of a class for good.
        event.listen(target, name, listener)
        self._tracing.callback(event.remove, target, name, listener)

    def _before(self, _connection: object, _cursor: object, sql: str, *_more: object) -> None:
        self._pass("before_cursor_execute", sql)

    def _after(self, _connection: object, _cursor: object, sql: str, *_more: object) -> None:
        self._pass("after_cursor_execute", sql)

    def _pass(self, where: str, sql: str = "") -> None:
        client = CLIENT.get()
        for bar in self._bars:
            if bar.stops(where, client, sql):
                self.moment(N_("gate"), where)
                bar.gate.stop()
