"""Transactions that end otherwise than their author thinks: not at all, too early, or with less in them."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n import N_
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.entry import OK, Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage

_HELLO = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")


def save_message(SessionLocal: sessionmaker[Session], conversation_id: int, text: str) -> int:
    with SessionLocal() as session:
        message = Message(conversation_id=conversation_id, role="user", content=text)
        session.add(message)
        session.flush()
        # The message has an id, so all looks well. Nobody commits.
        return message.id


def save_message_committed(SessionLocal: sessionmaker[Session], conversation_id: int, text: str) -> int:
    with SessionLocal.begin() as session:
        message = Message(conversation_id=conversation_id, role="user", content=text)
        session.add(message)
        session.flush()
        # The block's end commits; an exception rolls back.
        return message.id


def _no_commit(stage: Stage) -> None:
    stage.call("A", save_message, stage.sessions(), 1, "Hello")


def _no_commit_fixed(stage: Stage) -> None:
    stage.call("A", save_message_committed, stage.sessions(), 1, "Hello")


NO_COMMIT = Mistake(
    key="no_commit",
    family="transactions",
    title=N_("Nobody commits"),
    story=N_(
        "A user's message is saved and gets the id 41. The client is told 200. The next request does not find it: the "
        "table never had it, and the id is used up."
    ),
    why=N_(
        "close() rolls back what was not committed. It does so in silence: a Session that only read ends like this."
    ),
    cure=N_("Open a Session that writes with SessionLocal.begin(): the block's end commits, an exception rolls back."),
    repeatable=N_("One request; nothing races."),
    mistake=Side((save_message,), "with SessionLocal() as session:", _no_commit, Expected({OK: 1}, ((0,),)), _HELLO),
    fixed=Side(
        (save_message_committed,),
        "with SessionLocal.begin() as session:",
        _no_commit_fixed,
        Expected({OK: 1}, ((1,),), answers={"A": "41"}),
        _HELLO,
    ),
    silent=True,
)

MISTAKES = (NO_COMMIT,)
