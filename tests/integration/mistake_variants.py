"""Sides that no page shows: they prove what a mistake's sentences say beside its own run."""
# ruff: noqa: B008, N803, N806 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import DateTime, func, inspect, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from simulator.labs.backend.models import Account, Agent, Conversation, Message, User
from simulator.labs.fastapi.client import Call
from simulator.labs.mistakes.catalogue import commits, engines, find, scoped_http, workers
from simulator.labs.mistakes.entry import Expected, Side
from simulator.labs.mistakes.http_stage import ServedStage, staged
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
AsyncSessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    """The tables of the backend, mapped in other ways."""


class MutableAgent(Base):
    __tablename__ = "agents"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[dict[str, Any]] = mapped_column(MutableDict.as_mutable(JSONB))


class EagerBase(DeclarativeBase):
    """For another mapping of the same table."""


class EagerAgent(EagerBase):
    __tablename__ = "agents"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 (as SQLAlchemy reads it)
    id: Mapped[int] = mapped_column(primary_key=True)
    instructions: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), onupdate=func.now())


class PythonBase(DeclarativeBase):
    """For one more."""


class PythonAgent(PythonBase):
    __tablename__ = "agents"
    id: Mapped[int] = mapped_column(primary_key=True)
    instructions: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), onupdate=lambda: datetime.now(UTC))


def side(key: str, run: Callable[[Stage], None], expect: Expected) -> Side:
    """With the question to the database of the mistake `key`."""
    return Side((), "", run, expect, find(key).mistake.look)


def one(key: str, work: Callable[[Sessions], str], expect: Expected, **settings: Any) -> Side:
    """One request of client A."""
    return side(key, lambda stage: stage.call("A", work, stage.sessions(**settings)), expect)


def one_async(key: str, work: Callable[[AsyncSessions], Awaitable[str]], expect: Expected) -> Side:
    """The same in an event loop."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.async_session_maker(stage.create_async_engine(), expire_on_commit=False)

        async def request() -> None:
            with stage.client("A") as client:
                client.answer = await work(SessionLocal)

        stage.run_async(request)

    return side(key, run, expect)


def signed_up_twice(SessionLocal: Sessions) -> str:
    with SessionLocal() as session:
        session.add(User(email="ada@example.com", name="Ada L."))
        session.add(Message(conversation_id=1, role="system", content="welcome"))
        with suppress(IntegrityError):
            session.commit()
        session.rollback()
        session.commit()
        return f"{session.scalar(select(1))}"


SIGNED_UP_TWICE = one("swallowed_commit_error", signed_up_twice, Expected({OK: 1}, ((0, 0),), answers={"A": "1"}))


def _opened_twice(stage: Stage) -> None:
    SessionLocal = stage.sessions()
    stage.call("A", commits.open_conversation_committing, SessionLocal, "New")
    stage.call("B", commits.open_conversation_committing, SessionLocal, "New")


OPENED_TWICE = side("commit_inside_begin", _opened_twice, Expected({"InvalidRequestError": 2}, ((2, 0),)))


def mutable_dict(SessionLocal: Sessions) -> str:
    with SessionLocal.begin() as session:
        # Kept in a variable: MutableDict knows its object by a weak reference.
        agent = session.get_one(MutableAgent, 1)
        agent.state["topic"] = "prices"
    return "remembered"


MUTABLE_DICT = one("json_in_place", mutable_dict, Expected({OK: 1}, (("prices",),)))


def no_autoflush(SessionLocal: Sessions) -> str:
    with SessionLocal.begin() as session:
        conversation = Conversation(agent_id=1, title="Imported")
        session.add(conversation)
        with session.no_autoflush:
            conversation.user = session.scalars(select(User).where(User.email == "ada@example.com")).one()
    return "imported"


NO_AUTOFLUSH = one("autoflush_half_filled", no_autoflush, Expected({OK: 1}, ((1,),)))


async def expired_by_the_flush(SessionLocal: AsyncSessions) -> str:
    async with SessionLocal() as session:
        agent = await session.get_one(Agent, 1)
        agent.instructions = "Be brief."
        await session.flush()
        return str(inspect(agent).expired_attributes)


EXPIRED_BY_THE_FLUSH = one_async(
    "onupdate_async", expired_by_the_flush, Expected({OK: 1}, ((0,),), answers={"A": "{'updated_at'}"})
)


async def eager_defaults(SessionLocal: AsyncSessions) -> str:
    async with SessionLocal() as session:
        agent = await session.get_one(EagerAgent, 1)
        agent.instructions = "Be brief."
        await session.commit()
        return f"{agent.updated_at is not None}"


async def time_in_python(SessionLocal: AsyncSessions) -> str:
    async with SessionLocal() as session:
        agent = await session.get_one(PythonAgent, 1)
        agent.instructions = "Be brief."
        await session.commit()
        return f"{agent.updated_at is not None}"


_READ = Expected({OK: 1}, ((1,),), answers={"A": "True"})
EAGER_DEFAULTS = one_async("onupdate_async", eager_defaults, _READ)
TIME_IN_PYTHON = one_async("onupdate_async", time_in_python, _READ)


def _queued_and_rolled_back(stage: Stage) -> None:
    SessionLocal = stage.sessions()

    def enqueue(message_id: int) -> None:
        stage.call("worker", workers.summarise, SessionLocal, message_id)
        raise ValueError("The request fails behind the queue.")

    stage.call("A", workers.post_queued_early, SessionLocal, "Hello", enqueue)


QUEUED_AND_ROLLED_BACK = side(
    "task_before_commit",
    _queued_and_rolled_back,
    Expected({OK: 1, "ValueError": 1}, ((0, 0),), answers={"worker": "no such message"}),
)


def _outbox(stage: Stage) -> None:
    SessionLocal = stage.sessions()

    def work(session: Session) -> str:
        """A row of the outbox is a task: what is not committed is none, and what is rolled back never was one."""
        with SessionLocal.begin() as own:
            return f"{own.scalar(select(func.count()).where(Message.role == 'tool', Message.content == 'outbox'))}"

    def post() -> str:
        with SessionLocal.begin() as session:
            session.add(Message(conversation_id=1, role="user", content="Hello"))
            session.add(Message(conversation_id=1, role="tool", content="outbox"))
            session.flush()
            stage.call("early", work, session)
        return "posted"

    stage.call("A", post)
    stage.call("late", work, None)


OUTBOX = side(
    "task_before_commit", _outbox, Expected({OK: 3}, ((1, 0),), answers={"A": "posted", "early": "0", "late": "1"})
)


def _objects_stay(stage: Stage) -> None:
    SessionLocal = stage.sessions()

    def poll() -> str:
        with SessionLocal() as session:
            agent = session.scalars(select(Agent).where(Agent.id == 1)).one()
            stage.call("A", change)
            session.scalars(select(Agent).where(Agent.id == 1)).one()
            return f"{session.scalar(workers._NEW)} {agent.instructions == 'Be brief.'}"

    def change() -> str:
        with SessionLocal.begin() as session:
            session.get_one(Agent, 1).instructions = "Be brief."
            session.add(Message(conversation_id=1, role="tool", content="new"))
        return "changed"

    stage.call("worker", poll)


OBJECTS_STAY = side(
    "stale_worker_loop", _objects_stay, Expected({OK: 2}, ((1,),), answers={"worker": "41 False", "A": "changed"})
)


def _commit_before_wait(stage: Stage) -> None:
    SessionLocal = stage.sessions(isolation_level="REPEATABLE READ")

    def poll() -> str:
        with SessionLocal() as session:
            before = session.scalar(workers._NEW)
            session.commit()
            stage.call("A", workers.add_task, SessionLocal)
            return f"{before} {session.scalar(workers._NEW)}"

    stage.call("worker", poll)


COMMIT_BEFORE_WAIT = side(
    "stale_worker_loop", _commit_before_wait, Expected({OK: 2}, ((1,),), answers={"worker": "None 41"})
)


def _disposed(stage: Stage) -> None:
    stage.create_engine()

    def balance() -> str:
        engine = stage.another_engine()
        with Session(engine) as session:
            found = session.get_one(Account, 1).balance
        engine.dispose()
        return f"{found}"

    for name in "ABCDE":
        stage.call(name, balance)


DISPOSED = side("engine_per_request", _disposed, Expected({OK: 5}, ((0,),)))

ALONE_WITH_ONE = one(
    "two_sessions",
    lambda SessionLocal: engines.post_with_two(SessionLocal, 1, "Hello"),
    Expected({"TimeoutError": 1}, ((0,),)),
    pool_size=1,
    max_overflow=0,
    pool_timeout=0.05,
)


def _xact_lock_ends(stage: Stage) -> None:
    """Of another connection, right behind the transaction."""
    engine = stage.create_engine()

    def lock() -> str:
        with engine.connect() as other:
            with engine.begin() as connection:
                held = connection.scalar(select(func.pg_try_advisory_xact_lock(7)))
                meanwhile = other.scalar(select(func.pg_try_advisory_xact_lock(7)))
            return f"{held} {meanwhile} {other.scalar(select(func.pg_try_advisory_xact_lock(7)))}"

    stage.call("A", lock)


XACT_LOCK_ENDS = side(
    "advisory_lock_pool", _xact_lock_ends, Expected({OK: 1}, ((0,),), answers={"A": "True False True"})
)


def _download(app: FastAPI, SessionLocal: Sessions, llm: Callable[[str], str]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal() as session:
            yield session

    @app.get("/download")
    def download(session: Session = Depends(get_db)) -> StreamingResponse:
        contents = session.scalars(select(Message.content).where(Message.conversation_id == 1)).all()

        def lines() -> Iterator[str]:
            yield from contents
            yield llm("A slow client has had the first lines.")

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/balance")
    def balance(session: Session = Depends(get_db)) -> int:
        return session.get_one(Account, 1).balance


def _downloading(stage: ServedStage) -> None:
    with stage.gate("llm") as reading:
        sent = stage.start_call(Call("A", "/download", method="GET"))
        reading.reached()
        stage.call_now(Call("C", "/balance", method="GET"))
    sent.join()


DOWNLOAD = Side(
    (),
    "",
    staged(_download, {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}, _downloading),
    Expected({OK: 1, "TimeoutError": 1}),
)


def _two_threads(app: FastAPI, SessionLocal: Sessions, llm: Callable[[str], str]) -> None:
    """The paths of the mistake, telling which threads ran the first request's dependency."""
    threads: list[int] = []

    def get_db() -> Iterator[None]:
        threads.append(threading.get_ident())
        yield
        threads.append(threading.get_ident())

    @app.post("/drafts")
    def discard_draft(_db: None = Depends(get_db)) -> str:
        with SessionLocal() as session:
            return f"{session.scalar(select(1))}"

    @app.get("/weather")
    def weather() -> str:
        return llm("?")

    @app.post("/messages")
    def save_message() -> str:
        before, after = threads
        return f"the same: {before == after}, now in the first: {threading.get_ident() == before}"


TWO_THREADS = Side(
    (),
    "",
    staged(_two_threads, {}, scoped_http._thread_taken),
    Expected({OK: 3}, answers={"C": "the same: False, now in the first: True"}),
)


def _commit_of_nothing(stage: Stage) -> None:
    engine = stage.create_engine(isolation_level="AUTOCOMMIT")

    def commit() -> str:
        with engine.connect() as connection:
            # On the driver's own cursor: SQLAlchemy would take the notices away.
            driver: Any = connection.connection.driver_connection
            driver.cursor().execute("COMMIT")
            return f"{driver.notices[-1].strip()}"

    stage.call("A", commit)


COMMIT_OF_NOTHING = Side(
    (), "", _commit_of_nothing, Expected({OK: 1}, answers={"A": "WARNING:  there is no transaction in progress"})
)
