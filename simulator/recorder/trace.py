"""`with trace(engine) as recorder:` around anyone's SQLAlchemy code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine.base import OptionEngineMixin
from sqlalchemy.ext.asyncio import AsyncEngine, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from simulator.history.application import Moment, RequestEnded, RequestStarted, WorkEnded, WorkStarted
from simulator.history.schedule import History
from simulator.recorder.objects import ObjectListeners
from simulator.recorder.pool import PoolListeners
from simulator.recorder.raised import Raised, describe, raised
from simulator.recorder.sessions import SessionListeners, traced_class
from simulator.recorder.statements import StatementListeners, line_text
from simulator.recorder.tape import REQUEST, Tape

AnySessionmaker = sessionmaker[Any] | async_sessionmaker[Any] | scoped_session[Any] | async_scoped_session[Any]
_Sessionmaker = sessionmaker[Any] | async_sessionmaker[Any]


class Recorder:
    """What was noted so far, and what only the application can tell: its requests and its other work."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def history(self) -> History:
        """Everything noted so far; can be asked at any time. `to_json()` makes a file that "Your application" opens."""
        return self.tape.history()

    @contextmanager
    def request(self, name: str, key: str = "request", title: str = "") -> Iterator[None]:
        """What happens inside belongs to the request `name`, also in tasks that it starts; an error ends it as failed.

        It serves `async def` code as well: the name follows the task. A second request of that name is `name#2`.
        """
        token = REQUEST.set(self.tape.request_name(name))
        self.tape.note(RequestStarted, {"key": key, "title": title})
        outcome, told = "ok", Raised()
        try:
            yield
        except BaseException as error:
            outcome, told = "failed", raised(error)
            raise
        finally:
            self.tape.note(RequestEnded, {"outcome": outcome, **told._asdict()})
            # A generator dependency of FastAPI is begun and ended in two contexts: nothing is left to undo there.
            with suppress(ValueError):
                REQUEST.reset(token)

    @contextmanager
    def work(self, label: str, category: str = "work") -> Iterator[None]:
        """Something else than the database that takes the request's time: `category` as in `WorkStarted`."""
        self.tape.note(WorkStarted, {"category": category, "label": label})
        told = ""
        try:
            yield
        except BaseException as error:
            told = describe(error)
            raise
        finally:
            self.tape.note(WorkEnded, {"category": category, "label": label, "error": told})

    def moment(self, label: str, detail: str = "") -> None:
        """A point in time that shall be seen on the timeline."""
        self.tape.note(Moment, {"label": label, "detail": detail})


@contextmanager
def trace(
    engine: Engine | AsyncEngine,
    *sessionmakers: AnySessionmaker,
    sessions: bool = True,
    objects: bool = True,
    lines: bool = True,
) -> Iterator[Recorder]:
    """Record what is done with `engine` until the block ends; then every listener is taken away again.

    `sessionmakers` are the application's (a `scoped_session` will do): for Sessions that they make inside the block,
    creation and closing are seen too, and other Sessions are not looked at. Without any, every Session that uses the
    engine is seen from its first statement on. `objects` records the states of mapped objects, `lines` the
    application's line of each statement. Without `sessions` there are neither Sessions nor objects in the history:
    only SQL, the pool and the connections' transactions, by request. Without all three a trace costs least.

    Begin and end the block while the engine is idle, as at an application's start and stop: SQLAlchemy's listeners
    must not change while another thread runs them, and a connection that was checked out before is not seen. Traces
    may be nested. Raises TypeError for a `scoped_session` around something else than a sessionmaker.

        with trace(engine, SessionLocal) as recorder:
            with recorder.request("order 17"):
                place_order(SessionLocal)
        Path("trace.json").write_text(recorder.history().to_json())

    "Your application" opens that file. `TraceMiddleware` names the requests of a FastAPI or Starlette application.
    """
    tape = Tape({"line": line_text})
    with ExitStack() as stack:
        stack.callback(tape.stop)
        stack.enter_context(_listening(tape, engine, sessionmakers, sessions=sessions, objects=objects, lines=lines))
        yield Recorder(tape)


@contextmanager
def trace_also(recorder: Recorder, engine: Engine | AsyncEngine, *sessionmakers: AnySessionmaker) -> Iterator[None]:
    """Record what is done with one more engine, on the tape of a trace that goes on."""
    with _listening(recorder.tape, engine, sessionmakers, sessions=True, objects=False, lines=True):
        yield


@contextmanager
def _listening(
    tape: Tape,
    engine: Engine | AsyncEngine,
    sessionmakers: Sequence[AnySessionmaker],
    *,
    sessions: bool,
    objects: bool,
    lines: bool,
) -> Iterator[None]:
    of = _traced_engine(engine)
    with ExitStack() as stack:
        makers = dict.fromkeys(_maker(each) for each in sessionmakers)
        targets = [stack.enter_context(_traced(tape, of, maker)) for maker in makers if sessions] or [Session]
        listeners: list[Any] = [
            PoolListeners(tape, of),
            StatementListeners(tape, of, lines=lines),
            *(SessionListeners(tape, of, target) for target in targets if sessions),
        ]
        if objects and sessions:
            listeners.append(ObjectListeners(tape, targets))
        for each in listeners:
            each.attach()
            stack.callback(each.detach)
        yield


def _traced_engine(engine: Engine | AsyncEngine) -> Engine:
    """Engines made by `execution_options()` share the pool of the one that they were made of: that is traced."""
    found: Any = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    while isinstance(found, OptionEngineMixin):
        found = found._proxied
    traced: Engine = found
    return traced


def _maker(given: AnySessionmaker) -> _Sessionmaker:
    maker = given.session_factory if isinstance(given, scoped_session | async_scoped_session) else given
    if not isinstance(maker, sessionmaker | async_sessionmaker):
        raise TypeError(f"trace() takes sessionmakers, not {type(maker).__name__}")
    return maker


@contextmanager
def _traced(tape: Tape, engine: Engine, maker: _Sessionmaker) -> Iterator[type[Session]]:
    """The sessionmaker makes Sessions of a traced class until the block ends."""
    if isinstance(maker, async_sessionmaker):
        before: Any = maker.kw.get("sync_session_class")
        made = traced_class(tape, engine, before or maker.class_.sync_session_class, "AsyncSession")
        maker.configure(sync_session_class=made)
        undo: Callable[[], Any] = lambda: _restore(maker, before)  # noqa: E731
    else:
        own = maker.class_
        made = traced_class(tape, engine, own, "Session")
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
