"""Connections: given back before the model is called, after a failure, and where a request returns early."""
# ruff: noqa: N803, N806 (SessionLocal is what applications call it)

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from simulator.course.exercises.entry import Wanted, of_sides
from simulator.i18n.text import N_, Text
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.entry import Expected, Look, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]

_CLIENTS = ("A", "B", "C", "D")
#: Nothing is expected of an exercise: what was observed decides.
_OPEN = Expected({OK: len(_CLIENTS)})
_ANSWERS = Look(N_("Answers stored"), "SELECT count(*) FROM messages WHERE content = 'answered'")


def answer_flushed(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        message = session.scalars(select(Message).order_by(Message.id)).first()
        question = message.content if message else ""
        session.flush()
        answer = llm(question)
        session.add(Message(conversation_id=1, role="assistant", content="answered"))
        session.commit()
    return answer


def answer_expunged(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        message = session.scalars(select(Message).order_by(Message.id)).first()
        question = message.content if message else ""
        session.expunge_all()
        answer = llm(question)
        session.add(Message(conversation_id=1, role="assistant", content="answered"))
        session.commit()
    return answer


def answer_deleted(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        message = session.scalars(select(Message).order_by(Message.id)).first()
        question = message.content if message else ""
        del message
        answer = llm(question)
        session.add(Message(conversation_id=1, role="assistant", content="answered"))
        session.commit()
    return answer


def answer_committed(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        message = session.scalars(select(Message).order_by(Message.id)).first()
        question = message.content if message else ""
        session.commit()
        answer = llm(question)
        session.add(Message(conversation_id=1, role="assistant", content="answered"))
        session.commit()
    return answer


def _thinking(work: Callable[[Sessions, Llm], str]) -> Callable[[Stage], None]:
    """The model answers when each of the four has come to it, or has been told that there is no connection."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions(pool_size=2, max_overflow=0, pool_timeout=1.0)
        with stage.gate("llm") as thinking:
            running = [stage.start(name, work, SessionLocal, stage.llm) for name in _CLIENTS]
            stage.until(
                lambda: thinking.arrived + len(stage.told) == len(_CLIENTS),
                Text.of("The clients were not answered in time."),
            )
        for each in running:
            each.join()

    return run


def _answering(work: Callable[[Sessions, Llm], str], line: str) -> tuple[str, str, Side]:
    return work.__name__, line, Side((work,), line, _thinking(work), _OPEN, _ANSWERS)


_GIVE_BACK = of_sides(
    "give_back",
    N_("Before the model is called"),
    Wanted(len(_CLIENTS), ((len(_CLIENTS),),)),
    (
        _answering(answer_flushed, "session.flush()"),
        _answering(answer_expunged, "session.expunge_all()"),
        _answering(answer_deleted, "del message"),
        _answering(answer_committed, "session.commit()"),
    ),
)


def read_and_close(SessionLocal: Sessions, answer: str) -> str:
    try:
        session = SessionLocal()
        session.scalars(select(Message).order_by(Message.id)).first()
        result = json.loads(answer)
        session.close()
    except ValueError:
        return "no JSON"
    return str(result)


def read_and_forget(SessionLocal: Sessions, answer: str) -> str:
    try:
        session = SessionLocal()
        session.scalars(select(Message).order_by(Message.id)).first()
        result = json.loads(answer)
        session.close()
    except ValueError:
        session.expunge_all()
        return "no JSON"
    return str(result)


def read_with_begin(SessionLocal: Sessions, answer: str) -> str:
    try:
        session = SessionLocal()
        with session.begin():
            session.scalars(select(Message).order_by(Message.id)).first()
            result = json.loads(answer)
    except ValueError:
        return "no JSON"
    return str(result)


def read_with(SessionLocal: Sessions, answer: str) -> str:
    try:
        with SessionLocal() as session:
            session.scalars(select(Message).order_by(Message.id)).first()
            result = json.loads(answer)
    except ValueError:
        return "no JSON"
    return str(result)


def _failing(work: Callable[[Sessions, str], str]) -> Callable[[Stage], None]:
    """Three requests fail, one after another; the pool has three connections for the fourth."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions(pool_size=2, max_overflow=1, pool_timeout=0.3)
        for name, answer in zip(_CLIENTS, ("no", "no", "no", "{}"), strict=True):
            stage.call(name, work, SessionLocal, answer)

    return run


def _reading(work: Callable[[Sessions, str], str], line: str, decisive: str = "") -> tuple[str, str, Side]:
    return work.__name__, line, Side((work,), decisive or line, _failing(work), _OPEN)


_WITH = of_sides(
    "with",
    N_("How the Session is opened and closed"),
    Wanted(len(_CLIENTS)),
    (
        _reading(read_and_close, "session = SessionLocal() … session.close()", "session.close()"),
        _reading(read_and_forget, "except ValueError: session.expunge_all()", "session.expunge_all()"),
        _reading(read_with_begin, "with session.begin():"),
        _reading(read_with, "with SessionLocal() as session:"),
    ),
)


def summary_open(SessionLocal: Sessions, conversation_id: int) -> str:
    session = SessionLocal()
    found = session.scalars(select(Message).where(Message.conversation_id == conversation_id)).first()
    if found is None:
        return "nothing to do"
    text = found.content
    session.close()
    return text


def summary_flushed(SessionLocal: Sessions, conversation_id: int) -> str:
    session = SessionLocal()
    found = session.scalars(select(Message).where(Message.conversation_id == conversation_id)).first()
    if found is None:
        session.flush()
        return "nothing to do"
    text = found.content
    session.close()
    return text


def summary_expunged(SessionLocal: Sessions, conversation_id: int) -> str:
    session = SessionLocal()
    found = session.scalars(select(Message).where(Message.conversation_id == conversation_id)).first()
    if found is None:
        session.expunge_all()
        return "nothing to do"
    text = found.content
    session.close()
    return text


def summary_closed(SessionLocal: Sessions, conversation_id: int) -> str:
    with SessionLocal() as session:
        found = session.scalars(select(Message).where(Message.conversation_id == conversation_id)).first()
        if found is None:
            return "nothing to do"
        return found.content


def _returning(work: Callable[[Sessions, int], str]) -> Callable[[Stage], None]:
    """Three requests find nothing and return early; the pool has three connections for the fourth."""

    def run(stage: Stage) -> None:
        SessionLocal = stage.sessions(pool_size=2, max_overflow=1, pool_timeout=0.3)
        for name, conversation_id in zip(_CLIENTS, (999, 999, 999, 1), strict=True):
            stage.call(name, work, SessionLocal, conversation_id)

    return run


def _early(work: Callable[[Sessions, int], str], line: str) -> tuple[str, str, Side]:
    return work.__name__, line, Side((work,), line, _returning(work), _OPEN)


_LEAK = of_sides(
    "leak",
    N_("What the early return does with the Session"),
    Wanted(len(_CLIENTS)),
    (
        _early(summary_open, 'return "nothing to do"'),
        _early(summary_flushed, "session.flush()"),
        _early(summary_expunged, "session.expunge_all()"),
        _early(summary_closed, "with SessionLocal() as session:"),
    ),
)

EXERCISES = (_GIVE_BACK, _WITH, _LEAK)
