"""Five ways in which an endpoint ends, with `def`; `endpoints_async.py` has the same with `async def`.

Where the dependency commits, the endpoint flushes; its twin `…_commits` is for a dependency that leaves it to the
endpoint. Each builder is given the application, what `get_db` is declared with, and the model's service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, HTTPException
from sqlalchemy.orm import Session

from simulator.labs.backend.models import Message

Llm = Callable[[str], str]


def ok(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        session.flush()
        return {"id": message.id}


def ok_commits(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        session.commit()
        return {"id": message.id}


def not_found(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        session.flush()
        raise HTTPException(404, "There is no such agent.")


def error(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        session.flush()
        raise RuntimeError("The model gave no answer.")


def commit_fails(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        # Conversation 99 is gone. The foreign key is deferred: the server looks at it in COMMIT.
        message = Message(conversation_id=99, role="user", content=content)
        session.add(message)
        session.flush()
        return {"id": message.id}


def commit_fails_commits(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        # Conversation 99 is gone. The foreign key is deferred: the server looks at it in COMMIT.
        message = Message(conversation_id=99, role="user", content=content)
        session.add(message)
        session.commit()
        return {"id": message.id}


def client_leaves(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        # The client closes its connection while the model thinks. Nothing tells the endpoint.
        answer = llm(content)
        message = Message(conversation_id=1, role="assistant", content=answer)
        session.add(message)
        session.flush()
        return {"id": message.id}


def client_leaves_commits(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        # The client closes its connection while the model thinks. Nothing tells the endpoint.
        answer = llm(content)
        message = Message(conversation_id=1, role="assistant", content=answer)
        session.add(message)
        session.commit()
        return {"id": message.id}
