"""Connections that nobody gives back, or that are taken again unseen."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

import gc
import json
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]

#: the pool of most demonstrations here: three connections at most
_SMALL_POOL = {"pool_size": 2, "max_overflow": 1, "pool_timeout": 0.3}


def latest_forgotten(SessionLocal: Sessions) -> str:
    session = SessionLocal()
    message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    # The function returns, and nobody closes the Session.
    return message.content if message else ""


def latest(SessionLocal: Sessions) -> str:
    with SessionLocal() as session:
        message = session.scalars(select(Message).order_by(Message.id.desc())).first()
        return message.content if message else ""


def _four_requests(stage: Stage, work: Callable[[Sessions], str]) -> None:
    SessionLocal = stage.sessions(**_SMALL_POOL)  # noqa: N806
    for name in ("A", "B", "C", "D"):
        stage.call(name, work, SessionLocal)


CONNECTION_LEAK = Mistake(
    key="connection_leak",
    family="leaking",
    title=N_("The Session is never closed"),
    story=N_(
        "The pool may open three connections. Three requests take one each, and none comes back. The fourth request "
        "waits for a connection until the pool gives up, and so does every later one."
    ),
    why=N_(
        "A read begins a transaction as well, and the Session keeps its connection until somebody ends it. Session and "
        "transaction refer to each other, so the return does not free them: a pass of the garbage collector does, when "
        "it comes by; of what is young, already gc.collect(0)."
    ),
    cure=N_("Write `with SessionLocal() as session:`: the block's end closes the Session, also after an exception."),
    repeatable=N_(
        "One request after the other. The stage holds on to used Sessions, so that it does not depend on when the "
        "garbage collector comes by."
    ),
    mistake=Side(
        (latest_forgotten,),
        "session = SessionLocal()",
        lambda stage: _four_requests(stage, latest_forgotten),
        Expected({OK: 3, "TimeoutError": 1}, connections=3, transactions=3),
    ),
    fixed=Side(
        (latest,),
        "with SessionLocal() as session:",
        lambda stage: _four_requests(stage, latest),
        Expected({OK: 4}),
    ),
    timeout=True,
)


def run_tool_forgotten(SessionLocal: Sessions, answer: str, failures: list[Exception]) -> str:
    session = SessionLocal()
    try:
        session.add(Message(conversation_id=1, role="tool", content=answer))
        session.flush()
        json.loads(answer)
        session.commit()
        session.close()
        return "done"
    except ValueError as error:
        # For tonight's report. Its traceback refers to this call's variables, and so to the Session.
        failures.append(error)
        return "failed"


def run_tool(SessionLocal: Sessions, answer: str, failures: list[Exception]) -> str:
    try:
        with SessionLocal.begin() as session:
            session.add(Message(conversation_id=1, role="tool", content=answer))
            session.flush()
            json.loads(answer)
        return "done"
    except ValueError as error:
        # The error may be kept: the Session was closed before.
        failures.append(error)
        return "failed"


def _three_failures(stage: Stage, work: Callable[[Sessions, str, list[Exception]], str]) -> None:
    SessionLocal = stage.sessions(**_SMALL_POOL)  # noqa: N806
    stage.let_collect()
    failures: list[Exception] = []
    for name in ("A", "B", "C"):
        stage.call(name, work, SessionLocal, "no JSON", failures)
    # Now the collector has come by, for certain.
    gc.collect()
    stage.call("D", work, SessionLocal, "{}", failures)
    stage.count_leaks()


_TOOLS = Look(N_("Messages of tools stored"), "SELECT count(*) FROM messages WHERE role = 'tool'")

EXCEPTION_KEPT = Mistake(
    key="exception_kept",
    family="leaking",
    title=N_("An exception in a list keeps the connection"),
    story=N_(
        "Three calls of a tool fail, which is told politely, and their exceptions are put into a list for a report. "
        "The pool is empty from then on, and not even a garbage collection brings the connections back."
    ),
    why=N_("An exception has a traceback, the traceback has the function's variables, and one of them is the Session."),
    cure=N_("Close the Session before anybody can keep the exception: `with` does. Then the list does no harm."),
    repeatable=N_("One request after the other, and a full garbage collection before the last."),
    mistake=Side(
        (run_tool_forgotten,),
        "session = SessionLocal()",
        lambda stage: _three_failures(stage, run_tool_forgotten),
        Expected({OK: 3, "TimeoutError": 1}, ((0,),), connections=3, transactions=3),
        _TOOLS,
    ),
    fixed=Side(
        (run_tool,),
        "with SessionLocal.begin() as session:",
        lambda stage: _three_failures(stage, run_tool),
        Expected({OK: 4}, ((1,),), answers={"D": "done"}),
        _TOOLS,
    ),
    timeout=True,
)


def save_then_read(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        message = Message(conversation_id=1, role="user", content="Hello")
        session.add(message)
        session.commit()
        # The connection is back in the pool. Or is it? Each attribute is now loaded again.
        llm("Is this message harmless?")
        return f"saved as {message.id}"


def save_then_read_kept(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal(expire_on_commit=False) as session:
        message = Message(conversation_id=1, role="user", content="Hello")
        session.add(message)
        session.commit()
        # The object keeps the values that were written.
        llm("Is this message harmless?")
        return f"saved as {message.id}"


def summarise(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal() as session:
        first = session.scalars(select(Message.content).order_by(Message.id)).first()
        return llm(first or "")


def _slot_taken(stage: Stage, save: Callable[[Sessions, Llm], str]) -> None:
    SessionLocal = stage.sessions(pool_size=1, max_overflow=0, pool_timeout=0.3)  # noqa: N806
    with stage.gate("llm", "B") as summarising:
        with stage.gate("llm", "A") as checking:
            saving = stage.start("A", save, SessionLocal, stage.llm)
            checking.reached()
            other = stage.start("B", summarise, SessionLocal, stage.llm)
            summarising.reached()
        saving.join()
    other.join()


_SAVED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")

READ_AFTER_COMMIT = Mistake(
    key="read_after_commit",
    family="leaking",
    title=N_("Reading an id takes a connection again"),
    story=N_(
        "The message is stored, and the request only has to say its id. Meanwhile another request has taken the pool's "
        "one connection. The client is told an error, sends the message again, and it is there twice."
    ),
    why=N_("A commit expires every object. The next read of an attribute begins a transaction, to load it again."),
    cure=N_("expire_on_commit=False, or read what you need before the commit."),
    repeatable=N_("Gates at the model's calls: A goes on when B has the connection, B when A has its answer."),
    mistake=Side(
        (save_then_read, summarise),
        'return f"saved as {message.id}"',
        lambda stage: _slot_taken(stage, save_then_read),
        Expected({OK: 1, "TimeoutError": 1}, ((1,),)),
        _SAVED,
    ),
    fixed=Side(
        (save_then_read_kept, summarise),
        "with SessionLocal(expire_on_commit=False) as session:",
        lambda stage: _slot_taken(stage, save_then_read_kept),
        Expected({OK: 2}, ((1,),), answers={"A": "saved as 41"}),
        _SAVED,
    ),
    timeout=True,
)

MISTAKES = (CONNECTION_LEAK, EXCEPTION_KEPT, READ_AFTER_COMMIT)
