"""The requests of the lab, as one writes them in an application: a Session a request, opened and closed by `with`.

Their source is shown on the page. `SessionLocal` is the application's sessionmaker.
"""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import desc, func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from simulator.labs.backend.models import Account, Agent, Document, Message
from simulator.labs.backend.setup import RESERVE

#: messages of one imported history
HISTORY = 500
#: credits of one transfer
PRICE = 10


class TenantLeakError(Exception):
    """A connection came from the pool with a setting of somebody else."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one request is asked to do."""

    #: counts from 1
    number: int
    conversation_id: int
    agent_id: int
    #: what the user wrote
    text: str
    #: the model's service: takes the prompt, takes its time, gives the answer
    llm: Callable[[str], str]
    #: the same service for an answer that is read while it is written: word by word
    stream: Callable[[str], Iterator[str]] = lambda prompt: iter(("An ", "answer."))
    #: sends a piece of the response to the client
    send: Callable[[str], None] = lambda data: None


def imported_history(conversation_id: int, text: str) -> list[dict[str, Any]]:
    """A conversation that was held elsewhere: HISTORY rows for `messages`, user and assistant in turn."""
    return [
        {
            "conversation_id": conversation_id,
            "role": "assistant" if turn % 2 else "user",
            "content": f"{text} ({turn + 1} of {HISTORY})",
        }
        for turn in range(HISTORY)
    ]


def save_message(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        session.add(Message(conversation_id=job.conversation_id, role="user", content=job.text))
        session.commit()
    # Here the Session is closed and its connection is back in the pool, also after an error.


def search_knowledge(SessionLocal: sessionmaker[Session], job: Job) -> list[str]:
    question = func.websearch_to_tsquery("english", job.text)
    with SessionLocal() as session:
        # Reading begins a transaction, too. Closing the Session rolls it back: nothing is lost.
        best = (
            select(Document.title)
            .where(Document.search.bool_op("@@")(question))
            .order_by(desc(func.ts_rank(Document.search, question)), Document.id)
            .limit(5)
        )
        return list(session.scalars(best))


def append_history_commits(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        for row in imported_history(job.conversation_id, job.text):
            session.add(Message(**row))
            # A transaction a message: an error half-way leaves half a history.
            session.commit()


def append_history_add_all(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        session.add_all(Message(**row) for row in imported_history(job.conversation_id, job.text))
        # One transaction; the flush sends many rows with each INSERT and reads their ids back.
        session.commit()


def append_history_bulk(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        # Rows without objects: nothing to track, no ids to read back.
        session.execute(insert(Message), imported_history(job.conversation_id, job.text))
        session.commit()


def update_agent_state(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        agent = session.get_one(Agent, job.agent_id)
        # A new dict: SQLAlchemy does not see a change inside the old one.
        agent.state = {**agent.state, "last_request": job.number, "topic": job.text}
        # UPDATE … WHERE id = … AND version = …: StaleDataError if another request was faster.
        session.commit()


def transfer(SessionLocal: sessionmaker[Session], job: Job) -> None:
    # begin() commits at the end of the block, and rolls back if the block raises.
    with SessionLocal.begin() as session:
        # Locked in one order, whoever pays: two transfers wait for each other, but never in a circle.
        both = select(Account).where(Account.id.in_((job.agent_id, RESERVE))).order_by(Account.id).with_for_update()
        payer, reserve = session.scalars(both)
        payer.balance -= PRICE
        reserve.balance += PRICE


def failing_request(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal.begin() as session:
        session.add(Message(conversation_id=job.conversation_id, role="tool", content=job.text))
        # The INSERT is sent, the message has an id; no other transaction sees it.
        session.flush()
        # The tool should have answered in JSON. It did not: JSONDecodeError, and the message is gone.
        agent = session.get_one(Agent, job.agent_id)
        agent.state = json.loads(job.text)


def llm_inside(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = session.scalars(latest.order_by(Message.id.desc()).limit(10)).all()
        # The transaction is open, so the connection is kept, idle, for as long as the model thinks.
        answer = job.llm("\n".join([*reversed(history), job.text]))
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        session.commit()


def llm_outside(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = session.scalars(latest.order_by(Message.id.desc()).limit(10)).all()
        # Ends the transaction: the connection goes back to the pool before the model thinks.
        session.commit()
        answer = job.llm("\n".join([*reversed(history), job.text]))
        # The Session takes a connection again, for a second transaction.
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        session.commit()


def sse_chat(SessionLocal: sessionmaker[Session], job: Job) -> str:
    answer = ""
    # As Depends(get_db) has it: the Session is closed when the last byte has been sent.
    with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = session.scalars(latest.order_by(Message.id.desc()).limit(10)).all()
        # Between two words nobody sends SQL, and the connection is out all the same.
        for word in job.stream("\n".join([*reversed(history), job.text])):
            job.send(f"data: {word}\n\n")
            answer += word
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        session.commit()
    return answer


def sse_chat_outside(SessionLocal: sessionmaker[Session], job: Job) -> str:
    answer = ""
    with SessionLocal() as session:
        latest = select(Message.content).where(Message.conversation_id == job.conversation_id)
        history = session.scalars(latest.order_by(Message.id.desc()).limit(10)).all()
        # Ends the transaction before the first byte: the connection is back in the pool while words are sent.
        session.commit()
        for word in job.stream("\n".join([*reversed(history), job.text])):
            job.send(f"data: {word}\n\n")
            answer += word
        session.add(Message(conversation_id=job.conversation_id, role="assistant", content=answer))
        session.commit()
    return answer


def save_and_count(SessionLocal: sessionmaker[Session], job: Job) -> str:
    with SessionLocal() as session:
        message = Message(conversation_id=job.conversation_id, role="user", content=job.text)
        session.add(message)
        # With autoflush the INSERT is sent before this SELECT, which counts it; without, it is not counted.
        count = session.scalar(
            select(func.count()).select_from(Message).where(Message.conversation_id == job.conversation_id)
        )
        session.commit()
        # With expire_on_commit this reads the row again: one SELECT more, in a second transaction.
        return f"{message.role}: {count}"


def all_states(SessionLocal: sessionmaker[Session], job: Job) -> str:
    with SessionLocal() as session:
        # transient until it is added, pending until a flush sends the INSERT, persistent from then on.
        draft = Message(conversation_id=job.conversation_id, role="user", content=job.text)
        session.add(draft)
        session.flush()
        session.rollback()  # the INSERT is undone: transient again
        session.add(draft)
        # Persistent, and with expire_on_commit expired at once: the refresh reads the row again.
        session.commit()
        session.refresh(draft)
        session.delete(draft)
        # deleted: the DELETE is sent. The commit makes it detached: no Session has it any more.
        session.flush()
        session.commit()
        return draft.content


def use_after_close(SessionLocal: sessionmaker[Session], job: Job) -> None:
    with SessionLocal() as session:
        session.get_one(Agent, job.agent_id)
    # Closed, and used once more. With close_resets_only it begins again, silently; without, InvalidRequestError.
    session.scalar(select(func.count()).select_from(Message))
    session.close()


def set_tenant(SessionLocal: sessionmaker[Session], job: Job) -> None:
    engine = SessionLocal.kw["bind"]
    with engine.connect() as connection:
        # On the driver's own cursor: SQLAlchemy does not know of this transaction, so only reset_on_return ends it.
        cursor = connection.connection.cursor()
        cursor.execute("SELECT current_setting('app.tenant', true)")
        (last,) = cursor.fetchone()
        cursor.execute("SELECT set_config('app.tenant', %s, false)", (f"tenant {job.number}",))
    # A rollback undoes the setting. With a commit, or with nothing, the next request works for this tenant.
    if last:
        raise TenantLeakError(f"This connection still worked for {last}.")
