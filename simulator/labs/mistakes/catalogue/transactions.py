"""Transactions that end otherwise than their author thinks: not at all, in silence, or with less in them."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.sqlstate import sqlstate
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]

_HELLO = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")


def save_message(SessionLocal: Sessions, text: str) -> int:
    with SessionLocal() as session:
        message = Message(conversation_id=1, role="user", content=text)
        session.add(message)
        session.flush()
        # The message has an id, so all looks well. Nobody commits.
        return message.id


def save_message_committed(SessionLocal: Sessions, text: str) -> int:
    with SessionLocal.begin() as session:
        message = Message(conversation_id=1, role="user", content=text)
        session.add(message)
        session.flush()
        # The block's end commits; an exception rolls back.
        return message.id


NO_COMMIT = Mistake(
    key="no_commit",
    family="transactions",
    title=N_("Nobody commits"),
    story=N_(
        "A user's message is saved and gets the id 41. The client is told 200. The next request does not find it: the "
        "table never had it, and the id is used up."
    ),
    why=N_("close() rolls back what was not committed, in silence: that is how a Session that only read ends."),
    cure=N_("Open a Session that writes with SessionLocal.begin(): the block's end commits, an exception rolls back."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (save_message,),
        "with SessionLocal() as session:",
        lambda stage: stage.call("A", save_message, stage.sessions(), "Hello"),
        Expected({OK: 1}, ((0,),), answers={"A": "41"}),
        _HELLO,
    ),
    fixed=Side(
        (save_message_committed,),
        "with SessionLocal.begin() as session:",
        lambda stage: stage.call("A", save_message_committed, stage.sessions(), "Hello"),
        Expected({OK: 1}, ((1,),), answers={"A": "41"}),
        _HELLO,
    ),
    silent=True,
)


def save_and_open_account(SessionLocal: Sessions, text: str) -> str:
    with SessionLocal() as session:
        session.add(Message(conversation_id=1, role="user", content=text))
        session.flush()
        # The agent may have an account already. That would be no problem.
        with suppress(IntegrityError):
            session.execute(insert(Account).values(owner="Scout", balance=0))
        session.commit()
        return "saved"


def save_and_open_account_nested(SessionLocal: Sessions, text: str) -> str:
    with SessionLocal() as session:
        session.add(Message(conversation_id=1, role="user", content=text))
        session.flush()
        # The savepoint takes the error: only what is inside of it is undone.
        with suppress(IntegrityError), session.begin_nested():
            session.execute(insert(Account).values(owner="Scout", balance=0))
        session.commit()
        return "saved"


SWALLOWED_ERROR = Mistake(
    key="swallowed_error",
    family="transactions",
    title=N_("An error is swallowed, then comes the commit"),
    story=N_(
        "The agent's account exists already, so the INSERT fails; the code expects that and goes on. The commit "
        "raises nothing, the client is told 200, and the message that was written before is gone."
    ),
    why=N_(
        "After an error PostgreSQL's transaction can only be rolled back. It answers COMMIT with ROLLBACK, and neither "
        "psycopg2 nor psycopg makes an exception of that."
    ),
    cure=N_("Put a statement that may fail into begin_nested(), or let its exception end the transaction."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (save_and_open_account,),
        "with suppress(IntegrityError):",
        lambda stage: stage.call("A", save_and_open_account, stage.sessions(), "Hello"),
        Expected({OK: 1}, ((0,),), answers={"A": "saved"}),
        _HELLO,
    ),
    fixed=Side(
        (save_and_open_account_nested,),
        "with suppress(IntegrityError), session.begin_nested():",
        lambda stage: stage.call("A", save_and_open_account_nested, stage.sessions(), "Hello"),
        Expected({OK: 1}, ((1,),), answers={"A": "saved"}),
        _HELLO,
    ),
    silent=True,
)

#: The third was written by a robot, and the table knows no such role.
_ROLES = ("user", "assistant", "robot", "user", "assistant")


def import_messages(SessionLocal: Sessions, roles: tuple[str, ...]) -> str:
    with SessionLocal.begin() as session:
        for role in roles:
            session.add(Message(conversation_id=1, role=role, content="imported"))
    return f"{len(roles)} imported"


def import_messages_nested(SessionLocal: Sessions, roles: tuple[str, ...]) -> str:
    imported = 0
    with SessionLocal.begin() as session:
        for role in roles:
            # The block's end flushes: an error undoes this row and no other.
            with suppress(IntegrityError), session.begin_nested():
                session.add(Message(conversation_id=1, role=role, content="imported"))
                session.flush()
                imported += 1
    return f"{imported} imported"


_IMPORTED = Look(N_("Messages imported"), "SELECT count(*) FROM messages WHERE content = 'imported'")

BATCH_BAD_ROW = Mistake(
    key="batch_bad_row",
    family="transactions",
    title=N_("One bad row in a batch"),
    story=N_("Five messages are imported; the third has a role that the table refuses. None of the five is stored."),
    why=N_("The five are one transaction, and a transaction is stored as a whole or not at all."),
    cure=N_(
        "If rows may fail one by one, give each its own begin_nested(). INSERT … ON CONFLICT DO NOTHING skips "
        "duplicates and nothing else: what a CHECK refuses still ends the transaction."
    ),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (import_messages,),
        'session.add(Message(conversation_id=1, role=role, content="imported"))',
        lambda stage: stage.call("A", import_messages, stage.sessions(), _ROLES),
        Expected({"CheckViolation": 1}, ((0,),)),
        _IMPORTED,
    ),
    fixed=Side(
        (import_messages_nested,),
        "with suppress(IntegrityError), session.begin_nested():",
        lambda stage: stage.call("A", import_messages_nested, stage.sessions(), _ROLES),
        Expected({OK: 1}, ((4,),), answers={"A": "4 imported"}),
        _IMPORTED,
    ),
)


def charge_retry_inside(SessionLocal: Sessions, llm: Callable[[str], str]) -> str:
    with SessionLocal() as session:
        for attempt in range(3):
            try:
                account = session.get_one(Account, 1)
                account.balance -= len(llm("What does this cost?"))
                session.commit()
                return f"charged at attempt {attempt + 1}"
            except OperationalError as error:
                # Somebody else changed the account: try again, in the same transaction.
                if sqlstate(error) != "40001":
                    raise
    raise TimeoutError("three attempts")


def charge_retry_around(SessionLocal: Sessions, llm: Callable[[str], str]) -> str:
    for attempt in range(3):
        try:
            # Each attempt has a Session and a transaction of its own, and reads anew.
            with SessionLocal.begin() as session:
                account = session.get_one(Account, 1)
                account.balance -= len(llm("What does this cost?"))
            return f"charged at attempt {attempt + 1}"
        except OperationalError as error:
            if sqlstate(error) != "40001":
                raise
    raise TimeoutError("three attempts")


def top_up(SessionLocal: Sessions) -> None:
    with SessionLocal.begin() as session:
        session.get_one(Account, 1).balance += 500


def _overtaken(stage: Stage, charge: Callable[[Sessions, Callable[[str], str]], str]) -> None:
    SessionLocal = stage.sessions(isolation_level="REPEATABLE READ")  # noqa: N806
    with stage.gate("llm", "A") as thinking:
        charging = stage.start("A", charge, SessionLocal, stage.llm)
        thinking.reached()
        stage.call("B", top_up, SessionLocal)
    charging.join()


_BALANCE = Look(N_("Credits of the account, 1000 at first"), "SELECT balance FROM accounts WHERE id = 1")
#: 1000 + 500, less the length of the model's answer
_CHARGED = 1500 - len("An answer to: What does this cost?")

RETRY_INSIDE = Mistake(
    key="retry_inside",
    family="transactions",
    title=N_("The retry is inside the transaction"),
    story=N_(
        "While the model thinks, another request tops up the same account; the charge fails with a serialization "
        "error. The code tries three times, but the second attempt fails before it has begun."
    ),
    why=N_(
        "A transaction that failed stays failed: every further use of the Session raises PendingRollbackError until it "
        "is rolled back. And at REPEATABLE READ it would only see the same old snapshot again."
    ),
    cure=N_("The loop goes around `with SessionLocal.begin()`: each attempt is a new transaction."),
    repeatable=N_("A gate at the model's first call holds A until B has committed."),
    mistake=Side(
        (charge_retry_inside, sqlstate),
        "for attempt in range(3):",
        lambda stage: _overtaken(stage, charge_retry_inside),
        Expected({OK: 1, "PendingRollbackError": 1}, ((1500,),)),
        _BALANCE,
    ),
    fixed=Side(
        (charge_retry_around, sqlstate),
        "for attempt in range(3):",
        lambda stage: _overtaken(stage, charge_retry_around),
        Expected({OK: 2}, ((_CHARGED,),), answers={"A": "charged at attempt 2"}),
        _BALANCE,
    ),
)

MISTAKES = (NO_COMMIT, SWALLOWED_ERROR, BATCH_BAD_ROW, RETRY_INSIDE)
