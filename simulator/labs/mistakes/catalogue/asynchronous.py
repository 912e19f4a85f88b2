"""The same mistakes with asyncio: one AsyncSession for several tasks, loading without await, and a loop that stands."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from simulator.history.schedule import History, StatementFailed, StatementFinished, StatementStarted
from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.mistakes.entry import Expected, Figure, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK, answered, failed

Sessions = sessionmaker[Session]
AsyncSessions = async_sessionmaker[AsyncSession]
Results = Sequence[str | BaseException]

TOOLS = ("search", "weather", "calendar")


async def save_result(session: AsyncSession, tool: str) -> str:
    session.add(Message(conversation_id=1, role="tool", content=tool))
    await session.commit()
    return "saved"


async def run_tools(SessionLocal: AsyncSessions) -> Results:
    async with SessionLocal() as session:
        return await asyncio.gather(*(save_result(session, tool) for tool in TOOLS), return_exceptions=True)


async def run_tools_warm(SessionLocal: AsyncSessions) -> Results:
    async with SessionLocal() as session:
        # A read before: the Session has its connection already.
        await session.scalar(select(Message.content).limit(1))
        return await asyncio.gather(*(save_result(session, tool) for tool in TOOLS), return_exceptions=True)


async def save_alone(SessionLocal: AsyncSessions, tool: str) -> str:
    async with SessionLocal() as session:
        session.add(Message(conversation_id=1, role="tool", content=tool))
        await session.commit()
        return "saved"


async def run_tools_apart(SessionLocal: AsyncSessions) -> Results:
    return await asyncio.gather(*(save_alone(SessionLocal, tool) for tool in TOOLS), return_exceptions=True)


async def run_tools_apart_warm(SessionLocal: AsyncSessions) -> Results:
    async with SessionLocal() as session:
        await session.scalar(select(Message.content).limit(1))
        return await asyncio.gather(*(save_alone(SessionLocal, tool) for tool in TOOLS), return_exceptions=True)


def _tools(stage: Stage, work: Callable[[AsyncSessions], Awaitable[Results]]) -> None:
    SessionLocal = stage.async_session_maker(stage.create_async_engine())  # noqa: N806

    async def agent() -> None:
        with stage.recorder.request("agent"):
            results = await work(SessionLocal)
        for tool, result in zip(TOOLS, results, strict=True):
            stage.tell(failed(tool, result) if isinstance(result, BaseException) else answered(tool, result))

    stage.run_async(agent)


_RESULTS = Look(N_("Results of tools stored"), "SELECT count(*) FROM messages WHERE role = 'tool'")
_CURE = N_("An AsyncSession a task: each opens its own, with `async with SessionLocal() as session`.")
_ORDER = N_("One event loop: tasks change places only where they await, so every run is the same.")

ASYNC_GATHER = Mistake(
    key="async_gather",
    family="asynchronous",
    title=N_("Three tools share an AsyncSession"),
    story=N_(
        "The agent runs three tools at once, and each saves its result. Two are told an error. Yet all three results "
        "are stored: who tries again stores them twice."
    ),
    why=N_(
        "The first task fetches a connection; the others find the Session busy with that. But add() had put their "
        "objects into the Session before, and the first task's commit writes all of them."
    ),
    cure=_CURE,
    repeatable=_ORDER,
    mistake=Side(
        (save_result, run_tools),
        "return await asyncio.gather(*(save_result(session, tool) for tool in TOOLS), return_exceptions=True)",
        lambda stage: _tools(stage, run_tools),
        Expected({OK: 1, "InvalidRequestError": 2}, ((3,),), answers={"search": "saved"}),
        _RESULTS,
    ),
    fixed=Side(
        (save_alone, run_tools_apart),
        "async with SessionLocal() as session:",
        lambda stage: _tools(stage, run_tools_apart),
        Expected({OK: 3}, ((3,),)),
        _RESULTS,
    ),
)

ASYNC_GATHER_WARM = Mistake(
    key="async_gather_warm",
    family="asynchronous",
    title=N_("… and with a read before, nothing is stored"),
    story=N_(
        "The same three tools, but the agent has read a message in the same Session before. Now all three are told an "
        "error, and nothing is stored."
    ),
    why=N_(
        "The connection is there, so all three commits begin. Each disturbs the state that another one relies on, and "
        "the transaction is closed under the first."
    ),
    cure=_CURE,
    repeatable=_ORDER,
    mistake=Side(
        (save_result, run_tools_warm),
        "return await asyncio.gather(*(save_result(session, tool) for tool in TOOLS), return_exceptions=True)",
        lambda stage: _tools(stage, run_tools_warm),
        Expected({"IllegalStateChangeError": 2, "ResourceClosedError": 1}, ((0,),)),
        _RESULTS,
    ),
    fixed=Side(
        (save_alone, run_tools_apart_warm),
        "return await asyncio.gather(*(save_alone(SessionLocal, tool) for tool in TOOLS), return_exceptions=True)",
        lambda stage: _tools(stage, run_tools_apart_warm),
        Expected({OK: 3}, ((3,),)),
        _RESULTS,
    ),
)


async def save_and_tell(SessionLocal: AsyncSessions) -> str:
    async with SessionLocal() as session:
        message = Message(conversation_id=1, role="user", content="Hello")
        session.add(message)
        await session.commit()
        # The commit has expired the object: reading its id wants a SELECT, and nobody awaits it.
        return f"saved as {message.id}"


async def save_and_tell_kept(SessionLocal: AsyncSessions) -> str:
    async with SessionLocal(expire_on_commit=False) as session:
        message = Message(conversation_id=1, role="user", content="Hello")
        session.add(message)
        await session.commit()
        return f"saved as {message.id}"


def _one_request(stage: Stage, work: Callable[[AsyncSessions], Awaitable[str]]) -> None:
    SessionLocal = stage.async_session_maker(stage.create_async_engine())  # noqa: N806

    async def request() -> None:
        with stage.client("A") as client:
            client.answer = await work(SessionLocal)

    stage.run_async(request)


_SAVED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")

ASYNC_LAZY_LOAD = Mistake(
    key="async_lazy_load",
    family="asynchronous",
    title=N_("Reading an attribute wants an await"),
    story=N_("The message is stored; reading its id fails. The client is told 500, and sends the message once more."),
    why=N_(
        "Loading on access happens inside of an attribute, where nothing can be awaited: MissingGreenlet. It comes "
        "wrapped in a StatementError, which is what an except clause sees."
    ),
    cure=N_("expire_on_commit=False for every async_sessionmaker, and eager loading for relationships."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (save_and_tell,),
        'return f"saved as {message.id}"',
        lambda stage: _one_request(stage, save_and_tell),
        Expected({"MissingGreenlet": 1}, ((1,),)),
        _SAVED,
    ),
    fixed=Side(
        (save_and_tell_kept,),
        "async with SessionLocal(expire_on_commit=False) as session:",
        lambda stage: _one_request(stage, save_and_tell_kept),
        Expected({OK: 1}, ((1,),), answers={"A": "saved as 41"}),
        _SAVED,
    ),
)


async def balance_blocking(SessionLocal: Sessions) -> int:
    with SessionLocal() as session:
        # No await: the whole event loop waits for this answer.
        return session.get_one(Account, 1, with_for_update={"read": True}).balance


async def balance_awaiting(SessionLocal: AsyncSessions) -> int:
    async with SessionLocal() as session:
        # While this one waits, the loop serves others.
        return (await session.get_one(Account, 1, with_for_update={"read": True})).balance


def _three_at_once(stage: Stage, request: Callable[[], Awaitable[int]], waiting: int) -> None:
    """Billing has changed the row and commits when so many requests wait for it: a slow query, without a clock."""
    billing = stage.place.connect("billing")
    billing.execute("BEGIN")
    billing.execute("UPDATE accounts SET balance = 700 WHERE id = 1")

    def commit() -> None:
        with billing:
            stage.wait_for_lock(waiting)
            billing.execute("COMMIT")

    async def one(name: str) -> None:
        with stage.client(name) as client:
            client.answer = await request()

    async def all_three() -> None:
        await asyncio.gather(one("A"), one("B"), one("C"))

    committing = stage.thread("billing", commit)
    stage.run_async(all_three)
    committing.join()


def _blocking(stage: Stage) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    _three_at_once(stage, lambda: balance_blocking(SessionLocal), 1)


def _awaiting(stage: Stage) -> None:
    SessionLocal = stage.async_session_maker(stage.create_async_engine())  # noqa: N806
    _three_at_once(stage, lambda: balance_awaiting(SessionLocal), 3)


def _most_at_once(history: History) -> int:
    running = most = 0
    for event in history.events:
        running += isinstance(event, StatementStarted)
        running -= isinstance(event, StatementFinished | StatementFailed)
        most = max(most, running)
    return most


_AT_ONCE = Figure(N_("Statements running at the same time"), _most_at_once)

SYNC_IN_ASYNC = Mistake(
    key="sync_in_async",
    family="asynchronous",
    title=N_("One slow query stops the whole server"),
    story=N_(
        "Three requests want a row that billing has just changed. The first waits for it, and with it the event loop: "
        "the two others have not even begun, nor has anything else on this server."
    ),
    why=N_("A Session without await blocks its thread, and an event loop has only one."),
    cure=N_("AsyncSession and await; or a plain `def` endpoint, which the framework runs in a thread."),
    repeatable=N_("Billing commits when the server says that as many requests wait for the row as can come to it."),
    mistake=Side(
        (balance_blocking,),
        'return session.get_one(Account, 1, with_for_update={"read": True}).balance',
        _blocking,
        Expected({OK: 3}, figure=1, answers={"A": "700", "B": "700", "C": "700"}),
        figure=_AT_ONCE,
    ),
    fixed=Side(
        (balance_awaiting,),
        'return (await session.get_one(Account, 1, with_for_update={"read": True})).balance',
        _awaiting,
        Expected({OK: 3}, figure=3, answers={"A": "700", "B": "700", "C": "700"}),
        figure=_AT_ONCE,
    ),
)

MISTAKES = (ASYNC_GATHER, ASYNC_GATHER_WARM, ASYNC_LAZY_LOAD, SYNC_IN_ASYNC)
