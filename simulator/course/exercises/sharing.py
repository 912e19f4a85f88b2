"""Who makes the Session of a request."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from simulator.course.exercises.entry import Wanted, of_sides
from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.mistakes.catalogue.sharing import SHARED_COMMIT_LOST
from simulator.labs.mistakes.entry import Expected, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]


class Locked:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.session, self.llm = SessionLocal(), llm
        self.lock = threading.Lock()

    def save(self) -> str:
        with self.lock:
            self.session.add(Message(conversation_id=1, role="user", content="Hello"))
        self.llm("Is this message harmless?")
        with self.lock:
            self.session.commit()
        return "saved"

    def balance(self) -> int:
        with self.lock:
            try:
                return self.session.get_one(Account, 1).balance
            finally:
                self.session.close()


class OfConversation:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.SessionLocal, self.llm = SessionLocal, llm
        self.sessions: dict[int, Session] = {}

    def session(self, conversation_id: int) -> Session:
        return self.sessions.setdefault(conversation_id, self.SessionLocal())

    def save(self) -> str:
        self.session(1).add(Message(conversation_id=1, role="user", content="Hello"))
        self.llm("Is this message harmless?")
        self.session(1).commit()
        return "saved"

    def balance(self) -> int:
        try:
            return self.session(1).get_one(Account, 1).balance
        finally:
            self.session(1).close()


def _meanwhile(make: Callable[[Sessions, Llm], Any]) -> Callable[[Stage], None]:
    def run(stage: Stage) -> None:
        chat = make(stage.sessions(), stage.llm)
        stage.meanwhile(chat.save, chat.balance)

    return run


def _sharing(make: type, line: str) -> Side:
    return Side((make,), line, _meanwhile(make), Expected({OK: 2}), SHARED_COMMIT_LOST.mistake.look)


_SHARED = of_sides(
    "shared",
    N_("Who makes the Session"),
    Wanted(2, ((1,),)),
    (
        ("global", "self.session, self.llm = SessionLocal(), llm", SHARED_COMMIT_LOST.mistake),
        ("locked", "with self.lock:", _sharing(Locked, "with self.lock:")),
        (
            "conversation",
            "return self.sessions.setdefault(conversation_id, self.SessionLocal())",
            _sharing(OfConversation, "return self.sessions.setdefault(conversation_id, self.SessionLocal())"),
        ),
        ("request", "with self.SessionLocal() as session:", SHARED_COMMIT_LOST.fixed),
    ),
)

EXERCISES = (_SHARED,)
