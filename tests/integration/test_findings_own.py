"""An agent's backend on asyncio, of one's own: each planted fault is found with its line, and none in right code."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from simulator.engines.base import Engine
from simulator.findings import Finding, faults, judge
from simulator.history.schedule import History
from simulator.labs.backend.models import Account, Message
from simulator.labs.backend.setup import setup
from simulator.labs.place import open_place
from simulator.recorder import Recorder, trace

Sessions = async_sessionmaker[AsyncSession]
Work = Callable[[Sessions, Recorder, list[AsyncSession]], Awaitable[None]]


async def right(new: Sessions, recorder: Recorder, _kept: list[AsyncSession]) -> None:
    async def chat(number: int) -> None:
        with recorder.request(f"POST /chat {number}"):
            async with new.begin() as session:
                account = await session.get_one(Account, 1 + number % 3, with_for_update=True)
                account.balance -= 1
            with recorder.work("model", "llm"):
                await asyncio.sleep(0.03)
            async with new.begin() as session:
                session.add(Message(conversation_id=1, role="assistant", content="answered"))

    await asyncio.gather(*map(chat, range(8)))


async def leak(new: Sessions, recorder: Recorder, kept: list[AsyncSession]) -> None:
    with recorder.request("leak"):
        session = new()
        kept.append(session)
        await session.get(Account, 1)


async def one_by_one(new: Sessions, recorder: Recorder, _kept: list[AsyncSession]) -> None:
    with recorder.request("list"):
        async with new() as session:
            for number in range(8):
                (await session.scalars(select(Message).where(Message.conversation_id == number))).all()


async def held(new: Sessions, recorder: Recorder, _kept: list[AsyncSession]) -> None:
    with recorder.request("held"):
        async with new() as session:
            await session.get(Account, 1)
            with recorder.work("model", "llm"):
                await asyncio.sleep(0.4)


async def no_commit(new: Sessions, recorder: Recorder, _kept: list[AsyncSession]) -> None:
    with recorder.request("save"):
        async with new() as session:
            session.add(Message(conversation_id=1, role="user", content="forgotten"))
            await session.flush()


async def shared(new: Sessions, recorder: Recorder, _kept: list[AsyncSession]) -> None:
    async def save(session: AsyncSession, number: int) -> None:
        with recorder.request(f"save {number}"), suppress(SQLAlchemyError):
            session.add(Message(conversation_id=1, role="user", content="shared"))
            await session.commit()

    async with new() as session:
        await asyncio.gather(save(session, 1), save(session, 2))


def recorded(engine: Engine, work: Work) -> History:
    """What the recorder heard of it, on a pool of three."""
    with open_place(engine, setup()[:2], 6) as place:
        async_engine = place.create_async_engine(pool_size=3, max_overflow=0, pool_timeout=5)
        new = async_sessionmaker(async_engine)

        async def run() -> History:
            kept: list[AsyncSession] = []
            with trace(async_engine, new) as recorder, warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)
                await work(new, recorder, kept)
                history = recorder.history()
            for session in kept:
                await session.close()
            await async_engine.dispose()
            return history

        return asyncio.run(run())


def found(engine: Engine, work: Work) -> tuple[Finding, ...]:
    return faults(judge(recorded(engine, work)))


def test_nothing_is_found_in_right_code(engine: Engine) -> None:
    # On a machine that is busy even right code may be idle in a transaction.
    assert [str(each.said) for each in found(engine, right) if each.rule != "idle_in_transaction"] == []


@pytest.mark.parametrize(
    ("work", "rule"),
    [
        (leak, "connection_leak"),
        (one_by_one, "n_plus_one"),
        (held, "llm_inside"),
        (no_commit, "no_commit"),
        (shared, "shared_session"),
    ],
)
def test_a_planted_fault_is_found_with_its_line(engine: Engine, work: Work, rule: str) -> None:
    (fault,) = [each for each in found(engine, work) if each.rule == rule]
    assert fault.line.startswith("test_findings_own.py:")
    assert fault.line.endswith(("save", work.__name__))
