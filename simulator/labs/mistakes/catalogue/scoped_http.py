"""scoped_session behind FastAPI: its Sessions belong to threads, and a request has no thread of its own."""
# ruff: noqa: B008, N803 (as applications have it: Depends as a default, SessionLocal)

from __future__ import annotations

from collections.abc import Callable, Iterator

from fastapi import Depends, FastAPI
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.fastapi.client import Call
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.http_stage import ServedStage, staged
from simulator.labs.mistakes.told import OK

Llm = Callable[[str], str]


def scoped_removed(app: FastAPI, SessionLocal: sessionmaker[Session], llm: Llm) -> None:
    registry = scoped_session(SessionLocal)

    def get_db() -> Iterator[Session]:
        try:
            yield registry()
        finally:
            # Of the thread that runs this line. Is it the one that ran registry()?
            registry.remove()

    @app.post("/drafts")
    def discard_draft(content: str, session: Session = Depends(get_db)) -> str:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.flush()
        return "discarded"

    @app.get("/weather")
    def weather() -> str:
        return llm("What is the weather?")

    @app.post("/messages")
    def save_message(content: str, session: Session = Depends(get_db)) -> str:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.commit()
        return "saved"


def session_a_request(app: FastAPI, SessionLocal: sessionmaker[Session], llm: Llm) -> None:
    def get_db() -> Iterator[Session]:
        # The Session belongs to this call, whatever threads run it.
        with SessionLocal() as session:
            yield session

    @app.post("/drafts")
    def discard_draft(content: str, session: Session = Depends(get_db)) -> str:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.flush()
        return "discarded"

    @app.get("/weather")
    def weather() -> str:
        return llm("What is the weather?")

    @app.post("/messages")
    def save_message(content: str, session: Session = Depends(get_db)) -> str:
        session.add(Message(conversation_id=1, role="user", content=content))
        session.commit()
        return "saved"


def _thread_taken(stage: ServedStage) -> None:
    """A's draft, then B in A's thread while A's dependency ends, then C, again in that thread."""
    with stage.gate("llm") as weather:
        with stage.slow_client("A") as response:
            drafting = stage.start_call(Call("A", "/drafts", {"content": "draft"}))
            response.reached()
            # A's endpoint has returned, and its thread is the only one: B gets it.
            asking = stage.start_call(Call("B", "/weather", method="GET"))
            weather.reached()
        drafting.join()
        stage.wait_ended("A")
    asking.join()
    stage.wait_ended("B")
    stage.call_now(Call("C", "/messages", {"content": "Hello"}))


_STORED = Look(N_("Messages stored"), "SELECT content FROM messages WHERE id > 40 ORDER BY id")

SCOPED_REMOVE_ELSEWHERE = Mistake(
    key="scoped_remove_elsewhere",
    family="fastapi",
    title=N_("remove() runs in another thread"),
    story=N_(
        "Ada discards a draft. get_db calls remove() in finally, as one is told to, but in another thread, where there "
        "is no Session to remove. Then Grace saves a message in the first thread, and Ada's draft is stored with hers."
    ),
    why=N_(
        "scoped_session has one Session a thread. FastAPI runs each half of a `def` dependency, and the endpoint, in "
        "whichever thread of its pool is free: here another request had taken the first one meanwhile."
    ),
    cure=N_("A Session a request: `with SessionLocal() as session: yield session`. No scoped_session, no remove()."),
    repeatable=N_(
        "Ada's response is held back, as by a slow client, until another request is at work in her thread. That one is "
        "held until her get_db has ended."
    ),
    mistake=Side(
        (scoped_removed,),
        "registry.remove()",
        staged(scoped_removed, {}, _thread_taken),
        Expected({OK: 3}, (("draft",), ("Hello",)), answers={"A": "discarded", "C": "saved"}),
        _STORED,
    ),
    fixed=Side(
        (session_a_request,),
        "with SessionLocal() as session:",
        staged(session_a_request, {}, _thread_taken),
        Expected({OK: 3}, (("Hello",),), answers={"A": "discarded", "C": "saved"}),
        _STORED,
    ),
    silent=True,
    source="https://docs.sqlalchemy.org/en/21/orm/contextual.html#using-thread-local-scope-with-web-applications",
)

MISTAKES = (SCOPED_REMOVE_ELSEWHERE,)
