"""Answers that are sent bit by bit, over HTTP: what they hold while they last."""
# ruff: noqa: B008, N803 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from fastapi import Depends, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.fastapi.client import Call
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.http_stage import ServedStage, staged_async
from simulator.labs.mistakes.told import OK

Llm = Callable[[str], AsyncIterator[str]]


def chat_holding(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db)) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()

        async def events() -> AsyncIterator[str]:
            # The transaction of the SELECT is open, and its connection out, for as long as words come.
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            session.add(Message(conversation_id=1, role="assistant", content="answered"))
            await session.commit()

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


def chat_letting_go(app: FastAPI, SessionLocal: async_sessionmaker[AsyncSession], llm: Llm) -> None:
    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/chat")
    async def chat(question: str, session: AsyncSession = Depends(get_db)) -> StreamingResponse:
        history = (await session.scalars(select(Message.content).where(Message.conversation_id == 1))).all()
        # The transaction ends before the first byte: the connection is back in the pool.
        await session.rollback()

        async def events() -> AsyncIterator[str]:
            async for word in llm("\n".join([*history, question])):
                yield f"data: {word}\n\n"
            # A second transaction, for the answer: the Session takes a connection once more.
            session.add(Message(conversation_id=1, role="assistant", content="answered"))
            await session.commit()

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/balance")
    async def balance(session: AsyncSession = Depends(get_db)) -> int:
        return (await session.get_one(Account, 1)).balance


def two_streams(stage: ServedStage) -> None:
    """C asks while A and B have had their first word."""
    with stage.gate("llm") as writing:
        streams = []
        for number, name in enumerate("AB", start=1):
            streams.append(stage.start_call(Call(name, "/chat", {"question": "How large?"})))
            writing.reached(number)
        stage.call_now(Call("C", "/balance", method="GET"))
        stage.wait_ended("C")
    for each in streams:
        each.join()


POOL = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 0.4}
_ANSWERS = Look(N_("Answers stored"), "SELECT count(*) FROM messages WHERE content = 'answered'")

STREAMING_ANSWER = Mistake(
    key="streaming_answer",
    family="fastapi",
    title=N_("A streamed answer holds its connection to the last byte"),
    story=N_(
        "Two users read the model's answers word by word (SSE). The pool has two connections, and both are out, though "
        "nobody sends SQL. A third request wants a balance: it is told 500 after its time-out."
    ),
    why=N_(
        "The code after yield runs when the response has been sent to its last byte. Until then the Session of "
        "Depends(get_db) is open, and the transaction of its first SELECT keeps the connection, idle."
    ),
    cure=N_(
        "End the transaction before the first byte: read, then commit() or rollback(), then stream. What is to be "
        "stored at the end is a transaction of its own. A download is the same: read first what it needs."
    ),
    repeatable=N_("The model's second words are held back by a gate until C has its answer."),
    mistake=Side(
        (chat_holding,),
        'async for word in llm("\\n".join([*history, question])):',
        staged_async(chat_holding, POOL, two_streams),
        Expected({OK: 2, "TimeoutError": 1}, ((2,),)),
        _ANSWERS,
    ),
    fixed=Side(
        (chat_letting_go,),
        "await session.rollback()",
        staged_async(chat_letting_go, POOL, two_streams),
        Expected({OK: 3}, ((2,),), answers={"C": "1000"}),
        _ANSWERS,
    ),
    timeout=True,
    source="https://fastapi.tiangolo.com/advanced/advanced-dependencies/",
    holds_for="FastAPI 0.118",
)

MISTAKES = (STREAMING_ANSWER,)
