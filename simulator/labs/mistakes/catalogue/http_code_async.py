"""The FastAPI applications of `http.py` with `async def`."""
# ruff: noqa: B008, N806 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from simulator.labs.backend.models import Message

Maker = Callable[..., Any]


class MessageOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    content: str


def return_object(app: FastAPI, engine: AsyncEngine, async_sessionmaker: Maker) -> None:
    SessionLocal = async_sessionmaker(engine)

    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/messages", response_model=MessageOut)
    async def post_message(content: str, session: AsyncSession = Depends(get_db)) -> Message:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        await session.commit()
        # FastAPI reads its attributes. They expired in the commit, and loading them
        # again would be I/O without an await.
        return message


def return_object_fixed(app: FastAPI, engine: AsyncEngine, async_sessionmaker: Maker) -> None:
    SessionLocal = async_sessionmaker(engine, expire_on_commit=False)

    async def get_db() -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session

    @app.post("/messages", response_model=MessageOut)
    async def post_message(content: str, session: AsyncSession = Depends(get_db)) -> Message:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        await session.commit()
        return message
