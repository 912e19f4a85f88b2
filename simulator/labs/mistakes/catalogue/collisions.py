"""One Session for all requests, where it does notice: collisions, and an error that stays for everybody."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

import threading
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.entry import Between, Expected, Look, Mistake, Side
from simulator.labs.mistakes.gate import DEADLINE_S
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import ANY_ERROR, OK

Sessions = sessionmaker[Session]

_CURE = N_("A Session a request: open it where the request begins, close it where the request ends, pass it to nobody.")
_SAVED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")


class SharedChat:
    def __init__(self, SessionLocal: Sessions) -> None:
        # Made when the application starts, for all of its requests.
        self.session = SessionLocal()

    def save(self, role: str) -> str:
        self.session.add(Message(conversation_id=1, role=role, content="Hello"))
        self.session.commit()
        return "saved"

    def count(self) -> int:
        try:
            return len(self.session.scalars(select(Message)).all())
        finally:
            self.session.close()


class Chat:
    def __init__(self, SessionLocal: Sessions) -> None:
        self.SessionLocal = SessionLocal

    def save(self, role: str) -> str:
        with self.SessionLocal() as session:
            session.add(Message(conversation_id=1, role=role, content="Hello"))
            session.commit()
            return "saved"

    def count(self) -> int:
        with self.SessionLocal() as session:
            return len(session.scalars(select(Message)).all())


def _cold(stage: Stage, make: type[SharedChat] | type[Chat]) -> None:
    chat = make(stage.sessions())
    with stage.gate("checkout", "A") as connecting:
        saving = stage.start("A", chat.save, "user")
        connecting.reached()
        stage.call("B", chat.count)
        stage.call("C", chat.save, "user")
    saving.join()


SHARED_SESSION = Mistake(
    key="shared_session",
    family="sharing",
    title=N_("One Session for three requests at once"),
    story=N_(
        "While one request is still getting its connection, two others use the same Session. All three fail, each with "
        "another exception, and none of the three messages names the cause."
    ),
    why=N_(
        "A Session is not safe for threads. It notices some collisions and refuses; others, such as a close() in the "
        "middle of a flush, tear an object out of somebody's hands."
    ),
    cure=_CURE,
    repeatable=N_("A gate in the pool's checkout event holds A while B and C use the Session."),
    mistake=Side(
        (SharedChat,),
        "self.session = SessionLocal()",
        lambda stage: _cold(stage, SharedChat),
        Expected({"IntegrityError": 1, "IllegalStateChangeError": 1, "InvalidRequestError": 1}, ((0,),), connections=1),
        _SAVED,
    ),
    fixed=Side(
        (Chat,),
        "with self.SessionLocal() as session:",
        lambda stage: _cold(stage, Chat),
        Expected({OK: 3}, ((2,),), answers={"B": "40"}),
        _SAVED,
    ),
)


def _bad_then_good(stage: Stage, make: type[SharedChat] | type[Chat]) -> None:
    chat = make(stage.sessions())
    stage.call("A", chat.save, "robot")
    stage.call("B", chat.save, "user")
    stage.call("C", chat.save, "user")


GLOBAL_FAILED = Mistake(
    key="global_failed",
    family="sharing",
    title=N_("One bad request, and every later one fails"),
    story=N_(
        "One client sends a role that the table refuses, and is told so. From then on everybody's request fails, "
        "whatever it sends, until the application is started again."
    ),
    why=N_("After a failed flush the Session refuses all work until somebody calls rollback(). Nobody does."),
    cure=_CURE,
    repeatable=N_("Three requests, one after the other; nothing races."),
    mistake=Side(
        (SharedChat,),
        "self.session = SessionLocal()",
        lambda stage: _bad_then_good(stage, SharedChat),
        Expected({"IntegrityError": 1, "PendingRollbackError": 2}, ((0,),), connections=1),
        _SAVED,
    ),
    fixed=Side(
        (Chat,),
        "with self.SessionLocal() as session:",
        lambda stage: _bad_then_good(stage, Chat),
        Expected({"IntegrityError": 1, OK: 2}, ((2,),)),
        _SAVED,
    ),
)

#: threads, and requests of each, one after the other
_THREADS, _REQUESTS = 8, 5


def _many(stage: Stage, make: type[SharedChat] | type[Chat]) -> None:
    chat = make(stage.sessions())
    line = threading.Barrier(_THREADS)

    def requests(thread: str) -> None:
        line.wait(DEADLINE_S)
        for number in range(1, _REQUESTS + 1):
            with stage.client(f"{thread}.{number}") as client:
                client.answer = chat.save("user")

    names = [f"T{thread}" for thread in range(1, _THREADS + 1)]
    running = [stage.thread(name, partial(requests, name)) for name in names]
    for each in running:
        each.join()


SHARED_MANY = Mistake(
    key="shared_many",
    family="sharing",
    title=N_("Eight threads, five requests each, one Session"),
    story=N_(
        "Forty clients save a message each. In most runs 35 are told an error, and all 40 messages are stored: 35 of "
        "them will be sent again. In some runs everybody is told an error, and nothing is stored at all."
    ),
    why=N_("add() has put the object into the Session before the commit raises; whoever commits next stores it."),
    cure=_CURE,
    repeatable=N_("All begin together; from there on the race is free. What is stated is a range."),
    mistake=Side(
        (SharedChat,),
        "self.session = SessionLocal()",
        lambda stage: _many(stage, SharedChat),
        Expected(
            {OK: Between(0, 10), ANY_ERROR: Between(30, 40)},
            ((Between(0, 40),),),
            connections=Between(0, 1),
            transactions=Between(0, 1),
        ),
        _SAVED,
    ),
    fixed=Side(
        (Chat,),
        "with self.SessionLocal() as session:",
        lambda stage: _many(stage, Chat),
        Expected({OK: 40}, ((40,),)),
        _SAVED,
    ),
)

MISTAKES = (SHARED_SESSION, SHARED_MANY, GLOBAL_FAILED)
