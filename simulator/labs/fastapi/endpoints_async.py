"""The endpoints of `endpoints.py` with `async def` and AsyncSession."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, HTTPException
from sqlalchemy.ext.asyncio import AsyncSession

from simulator.labs.backend.models import Message

AsyncLlm = Callable[[str], Awaitable[str]]


def ok(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        await session.flush()
        return {"id": message.id}


def ok_commits(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        await session.commit()
        return {"id": message.id}


def not_found(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        await session.flush()
        raise HTTPException(404, "There is no such agent.")


def error(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        await session.flush()
        raise RuntimeError("The model gave no answer.")


def commit_fails(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        # Conversation 99 is gone. The foreign key is deferred: the server looks at it in COMMIT.
        message = Message(conversation_id=99, role="user", content=content)
        session.add(message)
        await session.flush()
        return {"id": message.id}


def commit_fails_commits(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        # Conversation 99 is gone. The foreign key is deferred: the server looks at it in COMMIT.
        message = Message(conversation_id=99, role="user", content=content)
        session.add(message)
        await session.commit()
        return {"id": message.id}


def client_leaves(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        # The client closes its connection while the model thinks. Nothing tells the endpoint.
        answer = await llm(content)
        message = Message(conversation_id=1, role="assistant", content=answer)
        session.add(message)
        await session.flush()
        return {"id": message.id}


def client_leaves_commits(app: FastAPI, db: Any, llm: AsyncLlm) -> None:
    @app.post("/messages")
    async def post_message(content: str, session: AsyncSession = db) -> dict[str, int]:
        # The client closes its connection while the model thinks. Nothing tells the endpoint.
        answer = await llm(content)
        message = Message(conversation_id=1, role="assistant", content=answer)
        session.add(message)
        await session.commit()
        return {"id": message.id}
