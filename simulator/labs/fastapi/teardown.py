"""When the code after `yield` runs: before or after the response, background tasks, a stream, an exception handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from simulator.engines.base import Engine
from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.fastapi.dependencies import dependency
from simulator.labs.fastapi.endings import Ending
from simulator.labs.fastapi.endpoints import Llm
from simulator.labs.fastapi.matrix import CONNECTIONS, SETUP, Cell, run_in
from simulator.labs.place import open_place


def background(app: FastAPI, db: Any, llm: Llm) -> None:
    def send_mail(message_id: int) -> str:
        return f"Message {message_id} has arrived."

    @app.post("/messages")
    def post_message(content: str, tasks: BackgroundTasks, session: Session = db) -> dict[str, int]:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        session.flush()
        tasks.add_task(send_mail, message.id)
        return {"id": message.id}


def stream(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> StreamingResponse:
        session.add(Message(conversation_id=1, role="user", content=content))

        def history() -> Iterator[str]:
            # Read while the response is sent: is the Session still open?
            for line in session.scalars(select(Message.content).where(Message.conversation_id == 1)):
                yield f"{line}\n"

        return StreamingResponse(history(), media_type="text/plain")


def not_found(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.flush()
        raise HTTPException(404, "There is no such agent.")


def handled(app: FastAPI, db: Any, llm: Llm) -> None:
    @app.exception_handler(ValueError)
    def refuse(request: Request, error: ValueError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=409)

    @app.post("/messages")
    def post_message(content: str, session: Session = db) -> dict[str, int]:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.flush()
        raise ValueError("This conversation is closed.")


#: Both dependencies commit after the yield; the second has `scope="function"`.
SCOPES = (dependency("commit_after_yield"), dependency("function_scope"))

CASES = tuple(
    Ending(key, title, sentence, (build, build), (build, build))
    for key, title, sentence, build in (
        ("background", N_("a background task"), N_("The endpoint returns and leaves a background task."), background),
        ("stream", N_("a streamed response"), N_("The response reads from the Session while it is sent."), stream),
        ("not_found", N_("an HTTPException"), N_("The endpoint raises HTTPException(404)."), not_found),
        ("handled", N_("an exception handler"), N_("The endpoint raises what the application handles."), handled),
    )
)


def run_teardown(engine: Engine) -> Iterator[Cell]:
    """Each case with the scope `request`, then with `function`: eight cells, all with `def`. Raises like run_cell."""
    with open_place(engine, SETUP, CONNECTIONS) as place:
        for case in CASES:
            for scope in SCOPES:
                yield run_in(place, scope, case, is_async=False)
