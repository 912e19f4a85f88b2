"""What an endpoint hands to work that goes on without it."""
# ruff: noqa: B008, N803 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

from collections.abc import Iterator

from fastapi import BackgroundTasks, Depends, FastAPI
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.fastapi.client import Call
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.http_stage import served
from simulator.labs.mistakes.told import OK


def object_handed_over(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal.begin() as session:
            yield session

    def summarise(message: Message) -> None:
        # The commit has expired the object, and its Session is closed.
        summary = f"Summary of {len(message.content)} characters"
        with SessionLocal.begin() as own:
            own.add(Message(conversation_id=1, role="assistant", content=summary))

    @app.post("/messages")
    def post_message(
        content: str, tasks: BackgroundTasks, session: Session = Depends(get_db, scope="function")
    ) -> None:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        tasks.add_task(summarise, message)


def id_handed_over(app: FastAPI, SessionLocal: sessionmaker[Session]) -> None:
    def get_db() -> Iterator[Session]:
        with SessionLocal.begin() as session:
            yield session

    def summarise(message_id: int) -> None:
        # Its own Session, and its own object.
        with SessionLocal.begin() as own:
            message = own.get_one(Message, message_id)
            summary = f"Summary of {len(message.content)} characters"
            own.add(Message(conversation_id=1, role="assistant", content=summary))

    @app.post("/messages")
    def post_message(
        content: str, tasks: BackgroundTasks, session: Session = Depends(get_db, scope="function")
    ) -> None:
        message = Message(conversation_id=1, role="user", content=content)
        session.add(message)
        session.flush()
        tasks.add_task(summarise, message.id)


_POST = [Call("A", "/messages", {"content": "Hello"})]
_SAVED = Look(
    N_("Messages and summaries stored"),
    "SELECT count(*) FILTER (WHERE content = 'Hello'), count(*) FILTER (WHERE right(content, 10) = 'characters') "
    "FROM messages",
)

OBJECT_TO_BACKGROUND_TASK = Mistake(
    key="object_to_background_task",
    family="fastapi",
    title=N_("A background task is given an object"),
    story=N_(
        "A message is stored, and a background task is to summarise it. The client is told 200. There is no summary: "
        "the task failed with DetachedInstanceError, which stands in the server's log and nowhere else."
    ),
    why=N_(
        "The commit expires the object, and close() takes it out of its Session. When the task reads an attribute, "
        "there is nothing left that could load it."
    ),
    cure=N_("Hand over ids or plain values; the task opens a Session of its own and loads what it needs."),
    repeatable=N_("One request; its background task begins when the response has been sent."),
    mistake=Side(
        (object_handed_over,),
        "tasks.add_task(summarise, message)",
        served(object_handed_over, {}, _POST),
        Expected({OK: 1}, ((1, 0),)),
        _SAVED,
    ),
    fixed=Side(
        (id_handed_over,),
        "tasks.add_task(summarise, message.id)",
        served(id_handed_over, {}, _POST),
        Expected({OK: 1}, ((1, 1),)),
        _SAVED,
    ),
    silent=True,
    source="https://fastapi.tiangolo.com/tutorial/background-tasks/",
    holds_for='FastAPI 0.121 (scope="function")',
)

MISTAKES = (OBJECT_TO_BACKGROUND_TASK,)
