"""The recorder on a real PostgreSQL: both drivers, the pool's settings, lost connections, and FastAPI."""

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import create_engine, event, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from simulator.engines.base import Engine
from simulator.history.application import (
    BackendSeen,
    ConnectingStarted,
    ConnectionBegan,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionEnding,
    ConnectionInvalidated,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    ConnectionReset,
    Moment,
    ObjectStateChanged,
    RequestEnded,
    RequestStarted,
    SessionClosed,
    SessionConnected,
    SessionCreated,
)
from simulator.history.event import Event
from simulator.history.schedule import History, StatementFailed, StatementFinished, StatementStarted
from simulator.labs.place import Place, open_place
from simulator.recorder import BackendWatch, Recorder, TraceMiddleware, trace


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


SETUP = (
    "CREATE TABLE account (id integer PRIMARY KEY, balance integer CHECK (balance >= 0))",
    "INSERT INTO account VALUES (1, 100), (2, 100)",
)


@pytest.fixture
def place(engine: Engine) -> Iterator[Place]:
    with open_place(engine, SETUP, 12) as place:
        yield place


def of(recorder: Recorder, *kinds: type[Event]) -> list[Any]:
    return [each for each in recorder.history().events if isinstance(each, kinds)]


def shape(history: History) -> list[tuple[Any, ...]]:
    """What must be the same for both drivers: everything but times, processes and the driver's own way to write."""
    # psycopg2's dialect sends fifty rows as one set of parameters, psycopg 3's as fifty: `many` and `tag` differ.
    left_out = {"seq", "at_ns", "backend", "sql", "parameters", "many", "tag", "line", "class_name"}
    return [
        (type(each).__name__, *(getattr(each, name) for name in each.__dataclass_fields__ if name not in left_out))
        for each in history.events
    ]


def save(session: Session) -> None:
    session.add(Account(id=3, balance=1))
    session.commit()


def read(session: Session) -> None:
    session.scalars(select(Account)).all()


def refused(session: Session) -> None:
    account = session.get_one(Account, 1)
    account.balance = -1
    with suppress(IntegrityError):
        session.flush()
    session.rollback()


def savepoints(session: Session) -> None:
    with suppress(IntegrityError), session.begin_nested():
        session.add(Account(id=1, balance=0))
    with session.begin_nested():
        session.add(Account(id=4, balance=0))
    session.commit()


def many(session: Session) -> None:
    session.execute(insert(Account), [{"id": number, "balance": 0} for number in range(10, 60)])
    session.commit()


@pytest.mark.parametrize("request_kind", [save, read, refused, savepoints, many], ids=lambda kind: kind.__name__)
def test_psycopg2_and_asyncio_on_psycopg_3_give_the_same_sequence(
    engine: Engine, request_kind: Callable[[Session], None]
) -> None:
    with open_place(engine, SETUP, 2) as place:
        sync_engine = place.create_engine()
        maker = sessionmaker(sync_engine)
        with trace(sync_engine, maker) as recorder, recorder.request("one"), maker() as session:
            request_kind(session)
    with open_place(engine, SETUP, 2) as place:
        found = asyncio.run(_asynchronously(place, request_kind))
    assert shape(found) == shape(recorder.history())
    assert all(each.backend for each in found.events if isinstance(each, ConnectionOpened))
    lines = [each.line for each in found.events if isinstance(each, StatementStarted)]
    assert all(line.startswith("test_recorder.py:") for line in lines)


async def _asynchronously(place: Place, request_kind: Callable[[Session], None]) -> History:
    engine = place.create_async_engine()
    maker = async_sessionmaker(engine)
    try:
        with trace(engine, maker) as recorder, recorder.request("one"):
            async with maker() as session:
                await session.run_sync(request_kind)
        return recorder.history()
    finally:
        await engine.dispose()


def test_an_awaited_statement_has_the_line_that_awaits_it(place: Place) -> None:
    async def ask() -> Recorder:
        engine = place.create_async_engine()
        maker = async_sessionmaker(engine)
        with trace(engine, maker) as recorder:
            async with maker() as session:
                await session.execute(text("SELECT 1"))
        await engine.dispose()
        return recorder

    (statement,) = of(asyncio.run(ask()), StatementStarted)
    assert statement.line.startswith("test_recorder.py:")
    assert statement.line.endswith(" ask")


def test_a_cancelled_statement_of_a_task_has_an_end(place: Place) -> None:
    async def give_up() -> Recorder:
        engine = place.create_async_engine()
        maker = async_sessionmaker(engine)
        with trace(engine, maker) as recorder:
            task = asyncio.create_task(wait(maker))
            while not of(recorder, StatementStarted):
                await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await engine.dispose()
        return recorder

    async def wait(maker: async_sessionmaker[AsyncSession]) -> None:
        async with maker() as session:
            await session.execute(text("SELECT pg_sleep(60)"))

    recorder = asyncio.run(give_up())
    assert len(of(recorder, StatementFailed)) == 1
    assert len(of(recorder, SessionClosed)) == 1


def test_a_pool_that_is_empty_for_too_long_refuses_with_its_own_message(place: Place) -> None:
    engine = place.create_engine(pool_size=1, max_overflow=0, pool_timeout=0.05)
    maker = sessionmaker(engine)
    with trace(engine, maker) as recorder, engine.connect(), maker() as session, suppress(PoolTimeout):
        session.execute(text("SELECT 1"))
    (refused,) = of(recorder, ConnectionRefused)
    assert (refused.session, refused.timed_out) == ("S1", True)
    assert "QueuePool limit of size 1 overflow 0 reached, connection timed out, timeout 0.05" in refused.error
    asked = of(recorder, ConnectionRequested)[-1]
    assert asked.asked == refused.asked
    assert refused.at_ns - asked.at_ns >= 50_000_000


def _kill_the_idle(place: Place) -> None:
    with place.connect("killer") as connection:
        for process, _ in place.application_backends():
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (process,))


@pytest.mark.parametrize("pre_ping", [True, False])
def test_a_killed_backend_is_survived_with_pre_ping_and_only_then(place: Place, pre_ping: bool) -> None:
    engine = place.create_engine(pool_size=1, pool_pre_ping=pre_ping)
    maker = sessionmaker(engine)
    with trace(engine, maker) as recorder:
        with maker() as session:
            read(session)
        _kill_the_idle(place)
        failed = False
        with maker() as session:
            try:
                read(session)
            except DBAPIError:
                failed = True
    assert failed is not pre_ping
    events = [type(each) for each in recorder.history().events]
    assert events.count(ConnectionInvalidated) == 1
    assert events.count(StatementFailed) == (0 if pre_ping else 1)
    assert events.count(ConnectionOpened) == (2 if pre_ping else 1)
    assert {each.slot for each in of(recorder, ConnectionInvalidated, ConnectionClosed, ConnectionOpened)} == {1}
    last = recorder.history().events[events.index(ConnectionInvalidated) :]
    # Nothing is sent on a connection that is gone.
    assert pre_ping or not any(isinstance(each, ConnectionEnding) for each in last)


def test_an_old_connection_is_replaced_on_its_way_out(place: Place) -> None:
    engine = place.create_engine(pool_recycle=3600)
    event.listen(engine, "checkin", lambda _connection, record: setattr(record, "starttime", 0))
    with trace(engine) as recorder:
        for _ in range(2):
            with engine.connect():
                pass
    kinds = (ConnectionOpened, ConnectionClosed, ConnectionCheckedOut, ConnectionCheckedIn)
    assert [(type(each), each.slot) for each in of(recorder, *kinds)] == [
        (ConnectionOpened, 1),
        (ConnectionCheckedOut, 1),
        (ConnectionCheckedIn, 1),
        (ConnectionClosed, 1),
        (ConnectionOpened, 1),
        (ConnectionCheckedOut, 1),
        (ConnectionCheckedIn, 1),
    ]


def test_slots_beyond_the_pools_size_are_numbered_again_when_they_are_closed(place: Place) -> None:
    engine = place.create_engine(pool_size=1, max_overflow=2)
    with trace(engine) as recorder:
        for _ in range(2):
            held = [engine.connect() for _ in range(3)]
            for connection in held:
                connection.close()
    assert [each.slot for each in of(recorder, ConnectionOpened)] == [1, 2, 3, 2, 3]
    assert [each.slot for each in of(recorder, ConnectionClosed)] == [2, 3, 2, 3]
    assert len({each.backend for each in of(recorder, ConnectionOpened)}) == 5


def test_a_connection_closed_behind_the_pools_back_does_not_disturb(place: Place) -> None:
    def close_and_look(sql_engine: SqlEngine) -> Recorder:
        connection = sql_engine.raw_connection()
        inside = connection.driver_connection
        connection.close()
        assert inside is not None
        inside.close()
        with trace(sql_engine) as recorder, sql_engine.connect():
            pass
        return recorder

    blocking = create_engine("postgresql+psycopg://", creator=lambda: place.connect("app"))
    assert of(close_and_look(blocking), ConnectionCheckedOut)
    assert of(close_and_look(place.create_engine()), ConnectionCheckedOut)


def test_a_lock_wait_is_seen_with_its_blocker(place: Place) -> None:
    engine = place.create_engine()
    maker = sessionmaker(engine)
    with (
        trace(engine, maker) as recorder,
        BackendWatch(recorder.tape, lambda: place.connect("watch")),
        maker() as first,
        maker() as second,
    ):
        first.get_one(Account, 1).balance = 1
        first.flush()
        waiting = threading.Thread(target=lambda: second.get_one(Account, 1, with_for_update=True))
        waiting.start()
        while not any(note[1] is BackendSeen and note[5]["wait"].startswith("Lock/") for note in recorder.tape.notes):
            waiting.join(0.002)
        first.commit()
        waiting.join()
    slots = {each.slot: each.backend for each in of(recorder, ConnectionOpened)}
    (seen, *_) = [each for each in of(recorder, BackendSeen) if each.wait.startswith("Lock/")]
    assert (seen.backend, seen.blocked_by) == (slots[2], (slots[1],))


def _application(place: Place, engine: SqlEngine, maker: sessionmaker[Session]) -> FastAPI:
    app = FastAPI()

    def get_session() -> Iterator[Session]:
        with maker() as session:
            yield session

    @app.get("/sync")
    def in_the_thread_pool(background: BackgroundTasks, session: Annotated[Any, Depends(get_session)]) -> int:
        background.add_task(lambda: None)
        return len(session.scalars(select(Account)).all())

    @app.get("/fail")
    def fail(session: Annotated[Any, Depends(get_session)]) -> None:
        session.execute(text("SELECT 1"))
        raise ZeroDivisionError("too early")

    return app


async def _call(app: FastAPI, *requests: tuple[str, dict[str, str | bytes]]) -> list[httpx.Response]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await asyncio.gather(*(client.get(path, headers=headers) for path, headers in requests))


def test_the_requests_name_reaches_sessions_in_the_thread_pool(place: Place) -> None:
    engine = place.create_engine()
    maker = sessionmaker(engine)
    app = _application(place, engine, maker)
    with trace(engine, maker) as recorder:
        app.add_middleware(TraceMiddleware, recorder=recorder)
        calls: list[tuple[str, dict[str, str | bytes]]] = [
            ("/sync", {}),
            ("/sync", {"x-txscope-request": "mine"}),
            ("/sync", {"x-txscope-request": "mine"}),
            ("/fail", {"x-txscope-request": b"wrong \xff"}),
        ]
        answers = asyncio.run(_call(app, *calls))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 500]
    names = {"request 1", "mine", "mine#2", "wrong \ufffd"}
    assert {each.request for each in of(recorder, RequestStarted)} == names
    assert {each.request for each in of(recorder, SessionCreated, SessionClosed, StatementStarted)} == names
    for name in names - {"wrong \ufffd"}:
        own = [each for each in recorder.history().events if each.request == name]
        moments = [each.label for each in own if isinstance(each, Moment)]
        assert moments == ["response started", "response sent"]
        assert isinstance(own[0], RequestStarted)
        assert isinstance(own[-1], RequestEnded)
        assert own[-1].outcome == "200"
    wrong = [each for each in of(recorder, RequestEnded) if each.request == "wrong \ufffd"]
    assert [each.error for each in wrong] == ["ZeroDivisionError: too early"]


def test_an_async_endpoint_is_recorded_the_same_way(place: Place) -> None:
    async def serve() -> Recorder:
        engine = place.create_async_engine()
        maker = async_sessionmaker(engine)
        app = FastAPI()

        @app.get("/async")
        async def endpoint() -> int:
            async with maker() as session:
                return len((await session.scalars(select(Account))).all())

        with trace(engine, maker) as recorder:
            app.add_middleware(TraceMiddleware, recorder=recorder)
            answers = await _call(app, ("/async", {}), ("/async", {}))
        await engine.dispose()
        assert [answer.json() for answer in answers] == [2, 2]
        return recorder

    recorder = asyncio.run(serve())
    for name in ("request 1", "request 2"):
        own = [type(each) for each in recorder.history().events if each.request == name]
        assert own[0] is RequestStarted
        assert own[-1] is RequestEnded
        assert own.count(StatementStarted) == own.count(ConnectionCheckedOut) == own.count(SessionClosed) == 1


def test_a_client_that_leaves_is_told(place: Place) -> None:
    async def leave(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        assert (await receive())["type"] == "http.disconnect"

    async def gone() -> dict[str, str | bytes]:
        return {"type": "http.disconnect"}

    async def nobody(_message: Any) -> None:
        raise AssertionError

    with trace(place.create_engine()) as recorder:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        asyncio.run(TraceMiddleware(leave, recorder)(scope, gone, nobody))
    assert [each.label for each in of(recorder, Moment)] == ["client disconnected"]
    assert [each.outcome for each in of(recorder, RequestEnded)] == ["disconnected"]


def _counting_twin(engine: SqlEngine, session_class: type[Session]) -> Counter[str]:
    """SQLAlchemy's own events, counted by code that shares nothing with the recorder."""
    counted: Counter[str] = Counter()
    lock = threading.Lock()
    for target, names in (
        (engine, ("connect", "checkout", "checkin", "reset", "close", "do_connect", "invalidate", "begin", "commit",
                  "rollback", "before_cursor_execute", "after_cursor_execute", "handle_error")),
        (session_class, ("after_begin", "before_flush", "after_flush_postexec", "before_commit", "after_commit",
                         "pending_to_persistent", "loaded_as_persistent")),
    ):  # fmt: skip
        for name in names:

            def count(*_: Any, name: str = name) -> None:
                with lock:
                    counted[name] += 1

            event.listen(target, name, count, named=False)
    return counted


def test_of_fifty_requests_on_a_pool_of_five_nothing_is_lost(place: Place) -> None:
    engine = place.create_engine(pool_size=5, max_overflow=2, pool_timeout=30)
    maker = sessionmaker(engine)
    counted = _counting_twin(engine, maker.class_)

    def serve(number: int) -> None:
        with recorder.request(f"request {number}"), maker() as session:
            session.add(Account(id=100 + number, balance=number))
            if number % 5 == 0:
                session.flush()
                session.rollback()
            elif number % 5 == 1:
                session.add(Account(id=1, balance=0))
                with suppress(IntegrityError):
                    session.commit()
            else:
                session.commit()
                session.get_one(Account, 1)

    with trace(engine, maker) as recorder, ThreadPoolExecutor(50) as threads:
        list(threads.map(serve, range(50)))
    history = recorder.history()
    received = Counter(type(each).__name__ for each in history.events)
    endings = Counter(each.command for each in history.events if isinstance(each, ConnectionEnding))
    assert {
        "connect": received["ConnectionOpened"],
        "do_connect": received["ConnectingStarted"],
        "checkout": received["ConnectionCheckedOut"],
        "checkin": received["ConnectionCheckedIn"],
        "reset": received["ConnectionReset"],
        "close": received["ConnectionClosed"],
        "begin": received["ConnectionBegan"],
        "commit": endings["COMMIT"],
        "rollback": endings["ROLLBACK"],
        "before_cursor_execute": received["StatementStarted"],
        "after_cursor_execute": received["StatementFinished"],
        "handle_error": received["StatementFailed"],
        "after_begin": received["SessionConnected"],
        "before_flush": received["FlushStarted"],
        "after_flush_postexec": received["FlushEnded"],
        "before_commit": received["CommitStarted"],
    } == {name: counted[name] for name in counted if name not in ("after_commit", *_MOVES)}
    moves = Counter((each.before, each.after) for each in of(recorder, ObjectStateChanged))
    assert moves["pending", "persistent"] == counted["pending_to_persistent"]
    assert moves["", "persistent"] == counted["loaded_as_persistent"]
    assert received["RequestStarted"] == received["RequestEnded"] == received["SessionCreated"] == 50
    assert received["SessionClosed"] == 50
    assert received["ConnectionRequested"] == received["ConnectionCheckedOut"] == received["ConnectionCheckedIn"]
    assert received["StatementStarted"] == received["StatementFinished"] + received["StatementFailed"]
    assert all(each.session and each.request for each in history.events if isinstance(each, StatementStarted))
    assert {each.slot for each in history.events if isinstance(each, ConnectionBegan)} == set(range(1, 8))
    assert History.from_json(history.to_json()) == history


_MOVES = ("pending_to_persistent", "loaded_as_persistent")


def test_what_one_slot_is_used_for_is_in_order(place: Place) -> None:
    """Each statement lies inside of its slot's checkout, and the Session it is attributed to is the holder."""
    engine = place.create_engine(pool_size=2, max_overflow=0)
    maker = sessionmaker(engine)

    def serve(_: int) -> None:
        with maker() as session:
            session.execute(text("SELECT 1"))

    with trace(engine, maker) as recorder, ThreadPoolExecutor(8) as threads:
        list(threads.map(serve, range(100)))
    holder: dict[int | None, str | None] = {}
    for each in recorder.history().events:
        if isinstance(each, ConnectionCheckedOut):
            assert each.slot not in holder
            holder[each.slot] = None
        elif isinstance(each, SessionConnected):
            holder[each.slot] = each.session
        elif isinstance(each, StatementStarted | StatementFinished | ConnectionReset):
            assert holder[each.slot] == each.session
        elif isinstance(each, ConnectionCheckedIn):
            assert holder.pop(each.slot) == each.session
    assert holder == {}
    assert len(of(recorder, ConnectingStarted)) <= 2
