"""The requests of `kinds.py` for an application on asyncio: the same work with AsyncSession.

Every `await` is a place where other requests go on. `SessionLocal` is the application's async_sessionmaker.
"""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import desc, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simulator.labs.backend.models import Account, Agent, Document, Message
from simulator.labs.backend.setup import RESERVE
from simulator.labs.sessions.kinds import PRICE, TenantLeakError, imported_history


async def _two_words(prompt: str) -> AsyncIterator[str]:
    for word in ("An ", "answer."):
        yield word


@dataclass(frozen=True, slots=True)
class AsyncJob:
    """What one request is asked to do; `Job` with a model's service that is awaited."""

    number: int
    conversation_id: int
    agent_id: int
    text: str
    llm: Callable[[str], Awaitable[str]]
    stream: Callable[[str], AsyncIterator[str]] = _two_words
    send: Callable[[str], None] = lambda data: None


async def save_message(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        session.add(Message(conversation_id=job.conversation_id, role="user", content=job.text))
        await session.commit()
    # Here the Session is closed and its connection is back in the pool, also after an error.


async def search_knowledge(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> list[str]:
    question = func.websearch_to_tsquery("english", job.text)
    async with SessionLocal() as session:
        # Reading begins a transaction, too. Closing the Session rolls it back: nothing is lost.
        best = (
            select(Document.title)
            .where(Document.search.bool_op("@@")(question))
            .order_by(desc(func.ts_rank(Document.search, question)), Document.id)
            .limit(5)
        )
        return list(await session.scalars(best))


async def append_history_commits(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        for row in imported_history(job.conversation_id, job.text):
            session.add(Message(**row))
            # A transaction a message: an error half-way leaves half a history.
            await session.commit()


async def append_history_add_all(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        session.add_all(Message(**row) for row in imported_history(job.conversation_id, job.text))
        # One transaction; the flush sends many rows with each INSERT and reads their ids back.
        await session.commit()


async def append_history_bulk(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        # Rows without objects: nothing to track, no ids to read back.
        await session.execute(insert(Message), imported_history(job.conversation_id, job.text))
        await session.commit()


async def update_agent_state(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        agent = await session.get_one(Agent, job.agent_id)
        # A new dict: SQLAlchemy does not see a change inside the old one.
        agent.state = {**agent.state, "last_request": job.number, "topic": job.text}
        # UPDATE … WHERE id = … AND version = …: StaleDataError if another request was faster.
        await session.commit()


async def transfer(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    # begin() commits at the end of the block, and rolls back if the block raises.
    async with SessionLocal.begin() as session:
        # Locked in one order, whoever pays: two transfers wait for each other, but never in a circle.
        both = select(Account).where(Account.id.in_((job.agent_id, RESERVE))).order_by(Account.id).with_for_update()
        payer, reserve = await session.scalars(both)
        payer.balance -= PRICE
        reserve.balance += PRICE


async def failing_request(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal.begin() as session:
        session.add(Message(conversation_id=job.conversation_id, role="tool", content=job.text))
        # The INSERT is sent, the message has an id; no other transaction sees it.
        await session.flush()
        # The tool should have answered in JSON. It did not: JSONDecodeError, and the message is gone.
        agent = await session.get_one(Agent, job.agent_id)
        agent.state = json.loads(job.text)


async def llm_inside(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = (await session.scalars(latest.order_by(Message.id.desc()).limit(10))).all()
        # The transaction is open, so the connection is kept, idle, for as long as the model thinks.
        answer = await job.llm("\n".join([*reversed(history), job.text]))
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        await session.commit()


async def llm_outside(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = (await session.scalars(latest.order_by(Message.id.desc()).limit(10))).all()
        # Ends the transaction: the connection goes back to the pool before the model thinks.
        await session.commit()
        answer = await job.llm("\n".join([*reversed(history), job.text]))
        # The Session takes a connection again, for a second transaction.
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        await session.commit()


async def sse_chat(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> str:
    answer = ""
    # As Depends(get_db) has it: the Session is closed when the last byte has been sent.
    async with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = (await session.scalars(latest.order_by(Message.id.desc()).limit(10))).all()
        # Between two words nobody sends SQL, and the connection is out all the same.
        async for word in job.stream("\n".join([*reversed(history), job.text])):
            job.send(f"data: {word}\n\n")
            answer += word
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        await session.commit()
    return answer


async def sse_chat_outside(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> str:
    answer = ""
    async with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = (await session.scalars(latest.order_by(Message.id.desc()).limit(10))).all()
        # Ends the transaction before the first byte: the connection is back in the pool while words are sent.
        await session.commit()
        async for word in job.stream("\n".join([*reversed(history), job.text])):
            job.send(f"data: {word}\n\n")
            answer += word
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        await session.commit()
    return answer


async def save_and_count(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> str:
    async with SessionLocal() as session:
        message = Message(conversation_id=job.conversation_id, role="user", content=job.text)
        session.add(message)
        # With autoflush the INSERT is sent before this SELECT, which counts it; without, it is not counted.
        count = await session.scalar(
            select(func.count()).select_from(Message).where(Message.conversation_id == job.conversation_id)
        )
        await session.commit()
        # With expire_on_commit this reads the row again; outside of run_sync it would be MissingGreenlet.
        role = await session.run_sync(lambda _: message.role)
        return f"{role}: {count}"


async def all_states(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> str:
    async with SessionLocal() as session:
        # transient until it is added, pending until a flush sends the INSERT, persistent from then on.
        draft = Message(conversation_id=job.conversation_id, role="user", content=job.text)
        session.add(draft)
        await session.flush()
        await session.rollback()  # the INSERT is undone: transient again
        session.add(draft)
        # Persistent, and with expire_on_commit expired at once: the refresh reads the row again.
        await session.commit()
        await session.refresh(draft)
        await session.delete(draft)
        # deleted: the DELETE is sent. The commit makes it detached: no Session has it any more.
        await session.flush()
        await session.commit()
        return draft.content


async def use_after_close(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    async with SessionLocal() as session:
        await session.get_one(Agent, job.agent_id)
    # Closed, and used once more. With close_resets_only it begins again, silently; without, InvalidRequestError.
    await session.scalar(select(func.count()).select_from(Message))
    await session.close()


async def set_tenant(SessionLocal: async_sessionmaker[AsyncSession], job: AsyncJob) -> None:
    engine = SessionLocal.kw["bind"]
    async with engine.connect() as connection:
        # On the driver itself: SQLAlchemy does not know of this transaction, so only reset_on_return ends it.
        driver = (await connection.get_raw_connection()).driver_connection
        cursor = await driver.execute("SELECT current_setting('app.tenant', true)")
        (last,) = await cursor.fetchone()
        await driver.execute("SELECT set_config('app.tenant', %s, false)", (f"tenant {job.number}",))
    # A rollback undoes the setting. With a commit, or with nothing, the next request works for this tenant.
    if last:
        raise TenantLeakError(f"This connection still worked for {last}.")
