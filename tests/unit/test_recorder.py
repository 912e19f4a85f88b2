"""The recorder on SQLite in memory: which events come, in which order, and that nothing of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKey, create_engine, event, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker
from sqlalchemy.pool import QueuePool

from simulator.history.application import (
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionEnding,
    ConnectionRefused,
    ConnectionRequested,
    Moment,
    ObjectStateChanged,
    PoolObserved,
    RequestEnded,
    RequestStarted,
    SessionClosed,
    SessionConnected,
    SessionCreated,
    SessionEnded,
)
from simulator.history.event import Event
from simulator.history.schedule import History, StatementFailed, StatementStarted
from simulator.recorder import Recorder, trace
from simulator.recorder.statements import application_line, scalars
from simulator.recorder.tape import Tape


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "message"
    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str]
    answers: Mapped[int | None] = mapped_column(ForeignKey("message.id", deferrable=True, initially="DEFERRED"))


@dataclass(frozen=True)
class Application:
    engine: Engine
    session: sessionmaker[Session]


@pytest.fixture
def app() -> Iterator[Application]:
    engine = create_engine("sqlite://")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    Base.metadata.create_all(engine)
    yield Application(engine, sessionmaker(engine))
    engine.dispose()


def queue_engine(**settings: Any) -> Engine:
    """A real QueuePool; each connection is a database of its own."""
    return create_engine("sqlite://", poolclass=QueuePool, connect_args={"check_same_thread": False}, **settings)


def of(recorder: Recorder, *kinds: type[Event]) -> list[Any]:
    return [each for each in recorder.history().events if isinstance(each, kinds)]


def told(recorder: Recorder) -> list[str]:
    """Each event in a word or two."""
    return [_told(each) for each in recorder.history().events if not isinstance(each, PoolObserved)]


def _told(each: Any) -> str:
    match each:
        case ObjectStateChanged():
            state = f"{each.before or 'unknown'}>{each.after}" if each.before != each.after else "expired"
            return f"{each.object} {state} by {each.cause}"
        case ConnectionEnding():
            return str(each.command)
        case SessionEnded():
            return f"{'savepoint ' if each.nested else ''}{each.outcome}"
        case StatementStarted():
            return str(each.sql.split()[0])
        case SessionClosed():
            return f"SessionClosed {each.how}"
        case _:
            return type(each).__name__


BEGUN = ["SessionCreated", "SessionBegan"]
TAKEN = ["ConnectionRequested", "ConnectionCheckedOut", "ConnectionBegan", "SessionConnected"]
GIVEN_BACK = ["ConnectionReset", "ConnectionCheckedIn"]


def save(app: Application) -> None:
    with app.session() as session:
        session.add(Message(content="hello"))
        session.commit()


def read_only(app: Application) -> None:
    with app.session() as session:
        assert session.scalars(select(Message)).all() == []


def rollback(app: Application) -> None:
    with app.session() as session:
        message = Message(content="hello")
        session.add(message)
        session.flush()
        session.rollback()


def failing_flush(app: Application) -> None:
    with app.session() as session:
        message = Message(content=None)
        session.add(message)
        with suppress(IntegrityError):
            session.flush()
        session.rollback()


def savepoint(app: Application) -> None:
    with app.session.begin() as session, suppress(KeyError), session.begin_nested():
        message = Message(content="hello")
        session.add(message)
        session.flush()
        raise KeyError(message)


def close_without_commit(app: Application) -> None:
    with app.session() as session:
        message = Message(content="hello")
        session.add(message)
        session.flush()


def never_closed(app: Application) -> None:
    session = app.session()
    session.execute(text("SELECT 1"))
    del session
    gc.collect()


def executemany(app: Application) -> None:
    with app.session() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO message (content) VALUES (?)", [(f"message {number}",) for number in range(500)]
        )
        session.commit()


def core(app: Application) -> None:
    with app.engine.begin() as connection:
        connection.execute(insert(Message).values(content="hello"))


INSERTED = [
    "FlushStarted",
    *TAKEN,
    "INSERT",
    "StatementFinished",
    "Message 1 pending>persistent by flush",
    "FlushEnded",
]
STORED = {
    save: [
        # The Session refers weakly to what it has flushed, and nobody else refers to it.
        *BEGUN, "Message 1 transient>pending by add", "CommitStarted", *INSERTED[:-1],
        "Message 1 persistent> by collected", "FlushEnded", "COMMIT", *GIVEN_BACK, "committed", "SessionClosed close",
    ],
    read_only: [
        *BEGUN, *TAKEN, "SELECT", "StatementFinished", "ROLLBACK", *GIVEN_BACK, "closed", "SessionClosed close",
    ],
    rollback: [
        *BEGUN, "Message 1 transient>pending by add", *INSERTED, "ROLLBACK",
        "Message 1 persistent>transient by rollback", *GIVEN_BACK, "rolled back", "SessionClosed close",
        "Message 1 transient> by collected",
    ],
    failing_flush: [
        *BEGUN, "Message 1 transient>pending by add", "FlushStarted", *TAKEN, "INSERT", "StatementFailed", "ROLLBACK",
        "Message 1 pending>transient by rollback", *GIVEN_BACK, "rolled back", "SessionClosed close",
    ],
    savepoint: [
        *BEGUN, "SessionBegan", "Message 1 transient>pending by add", "FlushStarted",
        *TAKEN, "SAVEPOINT", "SAVEPOINT", "StatementFinished", "SessionConnected",
        "INSERT", "StatementFinished", "Message 1 pending>persistent by flush", "FlushEnded",
        "ROLLBACK TO SAVEPOINT", "ROLLBACK", "StatementFinished", "Message 1 persistent>transient by rollback",
        "savepoint rolled back", "CommitStarted", "COMMIT", *GIVEN_BACK, "committed", "SessionClosed close",
        "Message 1 transient> by collected",
    ],
    close_without_commit: [
        *BEGUN, "Message 1 transient>pending by add", *INSERTED, "Message 1 persistent>detached by close", "ROLLBACK",
        *GIVEN_BACK, "closed", "SessionClosed close", "Message 1 detached> by collected",
    ],
    never_closed: [*BEGUN, *TAKEN, "SELECT", "StatementFinished", *GIVEN_BACK, "SessionClosed collected"],
    executemany: [
        *BEGUN, *TAKEN, "INSERT", "StatementFinished", "CommitStarted", "COMMIT", *GIVEN_BACK, "committed",
        "SessionClosed close",
    ],
    core: [
        *TAKEN[:3], "INSERT", "StatementFinished", "COMMIT", *GIVEN_BACK,
    ],
}  # fmt: skip


@pytest.mark.parametrize("request_kind", STORED, ids=lambda kind: kind.__name__)
def test_a_request_is_recorded_as_its_stored_sequence(
    app: Application, request_kind: Callable[[Application], None]
) -> None:
    # What an exception refers to in a circle is collected when the collector comes by: not in the middle of this.
    gc.disable()
    try:
        with trace(app.engine, app.session) as recorder:
            request_kind(app)
    finally:
        gc.enable()
    assert told(recorder) == STORED[request_kind]
    history = recorder.history()
    assert History.from_json(history.to_json()) == history


def test_of_many_sets_of_parameters_the_first_and_their_number_are_kept(app: Application) -> None:
    with trace(app.engine, app.session) as recorder:
        executemany(app)
    (statement,) = of(recorder, StatementStarted)
    assert (statement.many, statement.parameters) == (500, (("1", "message 0"),))
    assert statement.line.startswith("test_recorder.py:")
    assert statement.line.endswith(" executemany")


def _counts(app: Application) -> list[int]:
    """How many listeners there are of each event that the recorder could listen to."""
    manager = inspect(Message).class_manager
    targets: tuple[Any, ...] = (app.engine, app.engine.pool, app.engine.dialect, app.session(), Session(), manager)
    names = ("connect", "checkout", "checkin", "reset", "close", "detach", "invalidate", "do_connect", "handle_error",
             "before_cursor_execute", "after_cursor_execute", "begin", "commit", "rollback", "savepoint",
             "after_begin", "before_flush", "after_rollback", "after_transaction_end", "transient_to_pending",
             "loaded_as_persistent", "expire", "refresh", "engine_disposed", "close_detached")  # fmt: skip
    return [len(getattr(target.dispatch, name, ())) for target in targets for name in names]


@pytest.mark.parametrize("dispose", [False, True], ids=["", "engine disposed inside"])
@pytest.mark.parametrize("with_sessionmaker", [True, False], ids=["sessionmaker", "every Session"])
def test_after_the_block_nothing_listens(app: Application, dispose: bool, with_sessionmaker: bool) -> None:
    before, made = _counts(app), app.session.class_
    makers = [app.session] if with_sessionmaker else []
    with suppress(ZeroDivisionError), trace(app.engine, *makers) as recorder:
        assert _counts(app) != before
        read_only(app)
        if dispose:
            app.engine.dispose()
            Base.metadata.create_all(app.engine)
        raise ZeroDivisionError
    noted = len(recorder.history().events)
    assert _counts(app) == before
    assert app.session.class_ is made
    assert "connect" not in vars(app.engine.pool)
    read_only(app)
    assert len(recorder.history().events) == noted


def test_a_session_that_outlives_the_block_works_and_is_not_recorded_further(app: Application) -> None:
    with trace(app.engine, app.session) as recorder:
        session = app.session()
        session.execute(text("SELECT 1"))
    noted = len(recorder.history().events)
    session.add(Message(content="later"))
    session.commit()
    session.close()
    assert len(recorder.history().events) == noted


def test_a_new_pool_after_dispose_is_recorded_too(app: Application) -> None:
    with trace(app.engine) as recorder:
        app.engine.dispose()
        core_select(app.engine)
    assert len(of(recorder, PoolObserved)) == 2
    assert [each.asked for each in of(recorder, ConnectionRequested, ConnectionCheckedOut)] == [1, 1]


def core_select(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def test_nested_traces_of_one_engine_each_see_everything_and_end_in_any_order(app: Application) -> None:
    outer = trace(app.engine, app.session)
    inner = trace(app.engine, app.session)
    first = outer.__enter__()
    core_select(app.engine)
    second = inner.__enter__()
    core_select(app.engine)
    read_only(app)
    outer.__exit__(None, None, None)
    core_select(app.engine)
    inner.__exit__(None, None, None)
    assert [each.asked for each in of(first, ConnectionRequested)] == [1, 2, 3]
    assert [each.asked for each in of(first, ConnectionCheckedOut)] == [1, 2, 3]
    assert [each.asked for each in of(second, ConnectionRequested)] == [1, 2, 3]
    assert [each.asked for each in of(second, ConnectionCheckedOut)] == [1, 2, 3]
    assert [each.session for each in of(first, SessionCreated)] == [each.session for each in of(second, SessionCreated)]
    assert "connect" not in vars(app.engine.pool)


def test_two_traces_of_two_engines_do_not_mix(app: Application) -> None:
    other = create_engine("sqlite://")
    Base.metadata.create_all(other)
    makers = sessionmaker(other)
    with trace(app.engine) as here, trace(other) as there:
        with here.request("both"), app.session() as session, makers() as foreign:
            session.add(Message(content="here"))
            foreign.add(Message(content="there"))
            session.flush()
            foreign.flush()
        with other.connect() as connection:
            connection.execute(text("SELECT 'there'"))
    assert [each.parameters[0][1] for each in of(here, StatementStarted)] == ["here"]
    assert [(each.parameters or ((0, "select"),))[0][1] for each in of(there, StatementStarted)] == ["there", "select"]
    assert len(of(here, SessionConnected)) == len(of(there, SessionConnected)) == 1
    other.dispose()


def test_two_sessionmakers_of_one_engine_tell_each_change_once(app: Application) -> None:
    with trace(app.engine, app.session, sessionmaker(app.engine)) as recorder, app.session() as session:
        message = Message(content="hello")
        session.add(message)
        session.commit()
    assert told(recorder).count("Message 1 expired by commit") == 1


def test_sessions_without_their_sessionmaker_are_seen_from_their_first_statement(app: Application) -> None:
    with trace(app.engine) as recorder, Session(app.engine) as session:
        session.execute(text("SELECT 1"))
        session.commit()
        session.execute(text("SELECT 2"))
    assert [each.session for each in of(recorder, StatementStarted)] == ["S1", "S1"]
    assert not of(recorder, SessionCreated, SessionClosed)


def test_sessions_of_an_engine_made_by_execution_options_are_seen(app: Application) -> None:
    options = app.engine.execution_options(logging_token="reader")
    with trace(options) as recorder, Session(options) as session:
        session.execute(text("SELECT 1"))
    assert [each.session for each in of(recorder, StatementStarted)] == ["S1"]


def test_a_scoped_session_is_traced_by_its_sessionmaker(app: Application) -> None:
    registry = scoped_session(app.session)
    with trace(app.engine, registry) as recorder:
        registry.execute(text("SELECT 1"))
        registry.remove()
    assert told(recorder)[-1] == "SessionClosed close"
    with pytest.raises(TypeError, match="sessionmakers"), trace(app.engine, scoped_session(lambda: None)):
        pass


class OwnSession(Session):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.execute(text("SELECT 'in its __init__'"))

    def hello(self) -> str:
        return "hello"


def test_a_session_class_of_the_applications_own_stays_what_it_is(app: Application) -> None:
    maker = sessionmaker(app.engine, class_=OwnSession)
    heard: list[Session] = []
    event.listen(maker, "after_begin", lambda session, *_: heard.append(session))
    with trace(app.engine, maker) as recorder, maker() as session:
        assert isinstance(session, OwnSession)
        assert session.hello() == "hello"
    assert {each.session for each in of(recorder, SessionCreated, StatementStarted, SessionClosed)} == {"S1"}
    assert heard


class OwnAsyncSession(AsyncSession):
    sync_session_class = OwnSession


def test_an_async_session_class_keeps_the_session_class_that_it_names(app: Application) -> None:
    maker = async_sessionmaker(class_=OwnAsyncSession)
    with trace(app.engine, maker):
        assert issubclass(maker.kw["sync_session_class"], OwnSession)
    assert "sync_session_class" not in maker.kw


def test_a_connection_that_only_core_asks_for_is_not_the_waiting_sessions(app: Application) -> None:
    engine = queue_engine(pool_size=1, max_overflow=0, pool_timeout=0.0)
    maker = sessionmaker(engine)
    with trace(engine, maker) as recorder, maker() as session:
        session.begin()
        core_select(engine)
        with engine.connect(), suppress(Exception):
            session.execute(text("SELECT 1"))
    assert [each.session for each in of(recorder, ConnectionRequested)] == [None, None, "S1"]
    (refused,) = of(recorder, ConnectionRefused)
    assert (refused.session, refused.timed_out) == ("S1", True)
    assert "QueuePool limit of size 1 overflow 0 reached" in refused.error
    engine.dispose()


def test_a_connection_lent_to_a_session_is_nobodys_afterwards(app: Application) -> None:
    maker = sessionmaker()
    with trace(app.engine, maker) as recorder, app.engine.connect() as connection:
        with maker(bind=connection) as session:
            session.execute(text("SELECT 1"))
        connection.execute(text("SELECT 2"))
    assert [each.session for each in of(recorder, StatementStarted)] == ["S1", None]


def test_the_one_connection_of_a_thread_is_answered_each_time_it_is_asked_for(app: Application) -> None:
    with trace(app.engine) as recorder, app.engine.connect(), app.engine.connect():
        pass
    assert [each.asked for each in of(recorder, ConnectionCheckedOut)] == [1, 2]


def test_a_detached_connection_has_its_slot_until_it_is_closed() -> None:
    engine = queue_engine()
    with trace(engine) as recorder:
        connection = engine.connect()
        connection.detach()
        with engine.connect():
            pass
        connection.close()
    assert [each.slot for each in of(recorder, ConnectionCheckedOut, ConnectionClosed)] == [1, 2, 1]
    engine.dispose()


def test_a_commit_that_the_database_refuses_is_a_failure_with_its_message(app: Application) -> None:
    with trace(app.engine, app.session) as recorder, suppress(IntegrityError), app.session.begin() as session:
        session.add(Message(content="an answer to nothing", answers=99))
    (failed,) = of(recorder, StatementFailed)
    assert (failed.session, failed.message) == ("S1", "FOREIGN KEY constraint failed")
    assert told(recorder)[told(recorder).index("COMMIT") + 1] == "StatementFailed"


def test_a_statement_that_was_never_sent_is_not_recorded(app: Application) -> None:
    with trace(app.engine, app.session) as recorder, app.session() as session, suppress(StatementError):
        session.execute(text("SELECT :missing"))
    assert not of(recorder, StatementStarted, StatementFailed)


def test_objects_can_be_pickled_while_they_are_recorded_and_are_not_kept_alive(app: Application) -> None:
    with trace(app.engine, app.session) as recorder, app.session() as session:
        message = Message(content="hello")
        session.add(message)
        session.flush()
        assert pickle.loads(pickle.dumps(message)).content == "hello"
        session.expunge(message)
        gone = threading.Event()
        message.gone = _Calls(gone.set)
        del message
        gc.collect()
        assert gone.is_set()
    assert told(recorder).count("Message 1 persistent>detached by expunge") == 1


class _Calls:
    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function

    def __del__(self) -> None:
        self._function()


def test_what_moved_an_object(app: Application) -> None:
    with trace(app.engine, app.session) as recorder, app.session() as session:
        message = Message(content="hello")
        session.add(message)
        session.commit()
        assert message.content == "hello"
        session.delete(message)
        session.flush()
        session.rollback()
        session.expire(message)
        assert message.content == "hello"
        session.expunge(message)
    changes = [(each.before, each.after, each.cause, each.expired) for each in of(recorder, ObjectStateChanged)]
    assert changes == [
        ("transient", "pending", "add", False),
        ("pending", "persistent", "flush", False),
        ("persistent", "persistent", "commit", True),
        ("persistent", "persistent", "refresh", False),
        ("persistent", "deleted", "flush", False),
        ("deleted", "persistent", "rollback", False),
        ("persistent", "persistent", "rollback", True),
        ("persistent", "persistent", "expire", True),
        ("persistent", "persistent", "refresh", False),
        ("persistent", "detached", "expunge", False),
    ]


def test_requests_work_and_moments(app: Application) -> None:
    with trace(app.engine, app.session) as recorder:
        for _ in range(2):
            with suppress(KeyError), recorder.request("POST /messages", "save", "Save a message"):
                with recorder.work("gpt", "llm"):
                    recorder.moment("asked", "a question")
                save(app)
                raise KeyError("later")
    started, ended = of(recorder, RequestStarted), of(recorder, RequestEnded)
    assert [each.request for each in started] == ["POST /messages", "POST /messages#2"]
    assert [(each.request, each.outcome, each.error) for each in ended] == [
        ("POST /messages", "failed", "KeyError: 'later'"),
        ("POST /messages#2", "failed", "KeyError: 'later'"),
    ]
    assert {each.request for each in of(recorder, StatementStarted)} == {"POST /messages", "POST /messages#2"}
    assert [each.detail for each in of(recorder, Moment)] == ["a question"] * 2


def test_a_session_collected_in_another_request_is_told_of_its_own(app: Application) -> None:
    with trace(app.engine, app.session) as recorder:
        with recorder.request("maker"):
            session: Session | None = app.session()
        with recorder.request("other"):
            del session
            gc.collect()
    (closed,) = of(recorder, SessionClosed)
    assert (closed.how, closed.request) == ("collected", "maker")


def test_the_history_can_be_asked_while_it_grows(app: Application) -> None:
    with trace(app.engine, app.session) as recorder:
        read_only(app)
        early = recorder.history()
        read_only(app)
    assert recorder.history().events[: len(early.events)] == early.events
    assert len(recorder.history().events) > len(early.events)


def test_notes_of_many_threads_are_all_there_and_in_order() -> None:
    tape, threads, each_notes = Tape(), 8, 500
    start = threading.Barrier(threads)

    def write(thread: int) -> None:
        start.wait()
        for number in range(each_notes):
            tape.note(Moment, {"label": str(thread), "detail": str(number)})
            tape.history() if number == each_notes // 2 else None

    writers = [threading.Thread(target=write, args=(thread,)) for thread in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    events: list[Any] = list(tape.history().events)
    assert [each.seq for each in events] == list(range(threads * each_notes))
    assert [each.at_ns for each in events] == sorted(each.at_ns for each in events)
    for thread in range(threads):
        details = [each.detail for each in events if each.label == str(thread)]
        assert details == [str(number) for number in range(each_notes)]


def test_slots_of_many_threads_have_numbers_of_their_own_and_small_ones() -> None:
    tape, most = Tape(), threading.Semaphore(3)
    numbers: list[int] = []
    clashes: list[int] = []
    held: set[int] = set()

    def work() -> None:
        for _ in range(200):
            with most:
                slot = tape.open_slot(None)
                clashes.extend([slot.number] if slot.number in held else [])
                held.add(slot.number)
                numbers.append(slot.number)
                held.discard(slot.number)
                tape.close_slot(slot)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not clashes
    assert set(numbers) <= {1, 2, 3}


def test_parameters_become_short_text_at_once() -> None:
    vector = [0.5] * 1536
    kept = dict(scalars(({"text": "x" * 999, "blob": b"y" * 10_000_000, "vector": vector, "n": 7, "none": None},)))
    assert kept["n"] == 7
    assert kept["none"] is None
    assert kept["vector"] == "[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ...]"
    assert all(len(kept[name]) <= 201 for name in ("text", "blob", "vector"))
    assert len(scalars((tuple(range(5000)),))) == 40


def test_where_no_line_is_the_applications_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.recorder.statements._is_application", lambda filename: False)
    assert application_line() is None


SHOP = """
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

engine = create_engine("sqlite://")
SessionLocal = sessionmaker(engine)


def place_order():
    with SessionLocal() as session:
        session.execute(text("SELECT 'an order'"))
        session.commit()


async def app(scope, receive, send):
    place_order()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
"""
README = Path(__file__).parents[2] / "README.md"


def _examples() -> list[str]:
    section = README.read_text(encoding="utf-8").split("## Trace your own application")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize(("number", "requests"), [(0, ["order 17", "order 18"]), (1, ["request 1", "request 2"])])
def test_the_readmes_examples_run(
    number: int, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, server = ModuleType("shop"), ModuleType("uvicorn")
    exec(compile(SHOP, "shop.py", "exec"), vars(shop))
    middleware: list[Any] = []
    shop.app.add_middleware = lambda kind, **given: middleware.append(kind(shop.app, **given))
    vars(server)["run"] = lambda _app: [_get(middleware[0]) for _ in range(2)]
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "uvicorn", server)
    monkeypatch.chdir(tmp_path)
    exec(compile(_examples()[number], "README.md", "exec"), {})
    history = History.from_json((tmp_path / "trace.json").read_text(encoding="utf-8"))
    assert [each.request for each in history.events if isinstance(each, StatementStarted)] == requests
    assert [each.request for each in history.events if isinstance(each, RequestEnded)] == requests


def _get(app: Any) -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.request"}

    async def send(_message: object) -> None:
        return

    asyncio.run(app({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send))


def test_without_sessions_there_is_sql_the_pool_and_transactions_and_nothing_else() -> None:
    engine = queue_engine()
    maker = sessionmaker(engine)
    with trace(engine, maker, sessions=False) as recorder, recorder.request("light"), maker() as session:
        session.execute(text("SELECT 1"))
    found = {type(each).__name__ for each in recorder.history().events}
    assert {"StatementStarted", "StatementFinished", "ConnectionBegan", "ConnectionCheckedOut"} <= found
    assert not {name for name in found if name.startswith(("Session", "Flush", "Object"))}
