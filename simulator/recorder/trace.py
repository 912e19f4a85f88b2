"""`with trace(engine) as recorder:` around anyone's SQLAlchemy code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from simulator.history import History
from simulator.lifecycle import Moment, RequestEnded, RequestStarted, WorkEnded, WorkStarted
from simulator.recorder.objects import ObjectListeners
from simulator.recorder.pool import PoolListeners, describe
from simulator.recorder.sessions import SessionListeners, traced_class
from simulator.recorder.statements import StatementListeners, line_text, scalars
from simulator.recorder.tape import REQUEST, Tape

AnySessionmaker = sessionmaker[Any] | async_sessionmaker[Any]


class Recorder:
    """What was noted so far, and what only the application can tell: its requests and its other work."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def history(self) -> History:
        """Everything noted so far; can be asked at any time. `to_json()` makes a file that the Sessions page opens."""
        return self.tape.history()

    @contextmanager
    def request(self, name: str, key: str = "request", title: str = "") -> Iterator[None]:
        """What happens inside belongs to the request `name`, also in tasks that it starts; an error ends it as failed.

        In a function for `async def` code it works as well: the name follows the task.
        """
        token = REQUEST.set(name)
        self.tape.note(RequestStarted, {"key": key, "title": title})
        outcome, error = "ok", ""
        try:
            yield
        except BaseException as raised:
            outcome, error = "failed", describe(raised)
            raise
        finally:
            self.tape.note(RequestEnded, {"outcome": outcome, "error": error})
            REQUEST.reset(token)

    @contextmanager
    def work(self, label: str, category: str = "work") -> Iterator[None]:
        """Something else than the database that takes the request's time: `category` as in `WorkStarted`."""
        self.tape.note(WorkStarted, {"category": category, "label": label})
        error = ""
        try:
            yield
        except BaseException as raised:
            error = describe(raised)
            raise
        finally:
            self.tape.note(WorkEnded, {"category": category, "label": label, "error": error})

    def moment(self, label: str, detail: str = "") -> None:
        """A point in time that shall be seen on the timeline."""
        self.tape.note(Moment, {"label": label, "detail": detail})


@contextmanager
def trace(
    engine: Engine | AsyncEngine,
    *sessionmakers: AnySessionmaker,
    objects: bool = True,
    lines: bool = True,
) -> Iterator[Recorder]:
    """Record what is done with `engine` until the block ends; then every listener is taken away again.

    `sessionmakers` are the application's: for Sessions that they make inside the block, creation and closing are seen
    too, and other Sessions are not looked at. Without any, every Session that uses the engine is seen from its first
    statement on. `objects` records the states of mapped objects, `lines` the application's line of each statement;
    without both a trace costs least.

        with trace(engine, SessionLocal) as recorder:
            with recorder.request("order 17"):
                place_order(SessionLocal)
        Path("trace.json").write_text(recorder.history().to_json())
    """
    sync_engine = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    tape = Tape({"parameters": scalars, "line": line_text})
    with ExitStack() as stack:
        targets = [stack.enter_context(_traced(tape, maker)) for maker in sessionmakers] or [Session]
        listeners: list[Any] = [
            PoolListeners(tape, sync_engine),
            StatementListeners(tape, sync_engine, lines=lines),
            *(SessionListeners(tape, sync_engine, target) for target in targets),
        ]
        if objects:
            listeners += [ObjectListeners(tape, target) for target in targets]
        for each in listeners:
            each.attach()
            stack.callback(each.detach)
        yield Recorder(tape)


@contextmanager
def _traced(tape: Tape, maker: AnySessionmaker) -> Iterator[type[Session]]:
    """The sessionmaker makes Sessions of a traced class until the block ends."""
    if isinstance(maker, async_sessionmaker):
        before: Any = maker.kw.get("sync_session_class")
        made = traced_class(tape, before or AsyncSession.sync_session_class, "AsyncSession")
        maker.configure(sync_session_class=made)
        undo: Callable[[], Any] = lambda: _restore(maker, before)  # noqa: E731
    else:
        own = maker.class_
        made = traced_class(tape, own, "Session")
        maker.class_ = made
        undo = lambda: setattr(maker, "class_", own)  # noqa: E731
    try:
        yield made
    finally:
        undo()


def _restore(maker: async_sessionmaker[Any], before: type[Session] | None) -> None:
    if before is None:
        maker.kw.pop("sync_session_class", None)
    else:
        maker.configure(sync_session_class=before)
