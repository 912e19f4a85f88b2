"""A commit at the wrong place, a failed one that nobody hears of, and a savepoint that comes too late."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Conversation, Message, User
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]

_SAVEPOINTS = "https://docs.sqlalchemy.org/en/21/orm/session_transaction.html#using-savepoint"


def sign_up_quietly(SessionLocal: Sessions, email: str) -> str:
    with SessionLocal() as session:
        session.add(User(email=email, name="Ada L."))
        session.add(Message(conversation_id=1, role="system", content="welcome"))
        try:
            session.commit()
        except IntegrityError:
            # So that the Session can be used again. Nobody is told.
            session.rollback()
    return f"Welcome, {email}!"


def sign_up(SessionLocal: Sessions, email: str) -> str:
    with SessionLocal() as session:
        session.add(User(email=email, name="Ada L."))
        session.add(Message(conversation_id=1, role="system", content="welcome"))
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
            raise
    return f"Welcome, {email}!"


_SIGNED_UP = Look(
    N_("Users called Ada L., and welcome messages"),
    "SELECT (SELECT count(*) FROM users WHERE name = 'Ada L.'), "
    "(SELECT count(*) FROM messages WHERE content = 'welcome')",
)

SWALLOWED_COMMIT_ERROR = Mistake(
    key="swallowed_commit_error",
    family="transactions",
    title=N_("The commit fails, and the error is swallowed"),
    story=N_(
        "A user signs up with an e-mail that somebody has already, so the commit fails. The code catches the error, "
        "rolls back, and goes on: she is told 200 and welcomed. Neither she nor her welcome message is stored."
    ),
    why=N_(
        "A commit that raised has stored nothing of its transaction, not only not the row at fault. rollback() makes "
        "the Session usable again; it saves nothing."
    ),
    cure=N_(
        "Behind rollback() raise the error again, or answer with a failure. Log it only where it is answered, too."
    ),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (sign_up_quietly,),
        "except IntegrityError:",
        lambda stage: stage.call("A", sign_up_quietly, stage.sessions(), "ada@example.com"),
        Expected({OK: 1}, ((0, 0),), answers={"A": "Welcome, ada@example.com!"}),
        _SIGNED_UP,
    ),
    fixed=Side(
        (sign_up,),
        "raise",
        lambda stage: stage.call("A", sign_up, stage.sessions(), "ada@example.com"),
        Expected({"UniqueViolation": 1}, ((0, 0),)),
        _SIGNED_UP,
    ),
    silent=True,
    source="https://docs.sqlalchemy.org/en/21/orm/session_basics.html#rolling-back",
)


def open_conversation_committing(SessionLocal: Sessions, title: str) -> str:
    with SessionLocal.begin() as session:
        conversation = Conversation(user_id=1, agent_id=1, title=title)
        session.add(conversation)
        # The message needs the conversation's id, so: commit. That ends the block's transaction.
        session.commit()
        session.add(Message(conversation_id=conversation.id, role="user", content="Hello"))
    return "opened"


def open_conversation(SessionLocal: Sessions, title: str) -> str:
    with SessionLocal.begin() as session:
        conversation = Conversation(user_id=1, agent_id=1, title=title)
        session.add(conversation)
        # The INSERT is sent, and the conversation has its id. Both rows are one transaction.
        session.flush()
        session.add(Message(conversation_id=conversation.id, role="user", content="Hello"))
    return "opened"


_OPENED = Look(
    N_("Conversations and messages stored"),
    "SELECT (SELECT count(*) FROM conversations WHERE title = 'New'), "
    "(SELECT count(*) FROM messages WHERE content = 'Hello')",
)

COMMIT_INSIDE_BEGIN = Mistake(
    key="commit_inside_begin",
    family="transactions",
    title=N_("commit() inside the block of begin()"),
    story=N_(
        "A conversation is opened with its first message. In between the code commits, to get the conversation's id. "
        "The client is told an error, and half is stored: a conversation without a message. Trying again "
        "makes a second."
    ),
    why=N_(
        "The block of begin() is one transaction, and commit() ends it. From then on each query, add() and commit() "
        "within the block raises InvalidRequestError, even reading the id: the commit has expired it."
    ),
    cure=N_("flush() gives the id and keeps the transaction; commit is what the block's end does."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (open_conversation_committing,),
        "session.commit()",
        lambda stage: stage.call("A", open_conversation_committing, stage.sessions(), "New"),
        Expected({"InvalidRequestError": 1}, ((1, 0),)),
        _OPENED,
    ),
    fixed=Side(
        (open_conversation,),
        "session.flush()",
        lambda stage: stage.call("A", open_conversation, stage.sessions(), "New"),
        Expected({OK: 1}, ((1, 1),), answers={"A": "opened"}),
        _OPENED,
    ),
    source="https://docs.sqlalchemy.org/en/21/orm/session_transaction.html",
    holds_for="SQLAlchemy 1.4",
)

#: The third was written by a robot, and the table knows no such role.
_ROLES = ("user", "assistant", "robot", "user", "assistant")


def import_adding_before(SessionLocal: Sessions, roles: tuple[str, ...]) -> str:
    imported = 0
    with SessionLocal.begin() as session:
        for role in roles:
            session.add(Message(conversation_id=1, role=role, content="imported"))
            # begin_nested() flushes first: the row is written before any savepoint.
            with suppress(IntegrityError), session.begin_nested():
                session.flush()
                imported += 1
    return f"{imported} imported"


def import_adding_inside(SessionLocal: Sessions, roles: tuple[str, ...]) -> str:
    imported = 0
    with SessionLocal.begin() as session:
        for role in roles:
            with suppress(IntegrityError), session.begin_nested():
                # Added behind the savepoint: an error undoes this row and no other.
                session.add(Message(conversation_id=1, role=role, content="imported"))
                session.flush()
                imported += 1
    return f"{imported} imported"


_IMPORTED = Look(N_("Messages imported"), "SELECT count(*) FROM messages WHERE content = 'imported'")

ADD_BEFORE_SAVEPOINT = Mistake(
    key="add_before_savepoint",
    family="transactions",
    title=N_("add() stands before begin_nested()"),
    story=N_(
        "Five messages are imported, each with a savepoint, so that a bad one costs no other. The third is refused, "
        "which is expected. But the fourth fails as well, with PendingRollbackError, and none of them is stored."
    ),
    why=N_(
        "begin_nested() flushes what is pending first. So the bad row fails outside of the savepoint, which in fact "
        "was never sent: the whole transaction is rolled back, and the Session refuses the next step."
    ),
    cure=N_("add() inside of the block of begin_nested(): what may fail comes behind the savepoint."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (import_adding_before,),
        "with suppress(IntegrityError), session.begin_nested():",
        lambda stage: stage.call("A", import_adding_before, stage.sessions(), _ROLES),
        Expected({"PendingRollbackError": 1}, ((0,),)),
        _IMPORTED,
    ),
    fixed=Side(
        (import_adding_inside,),
        'session.add(Message(conversation_id=1, role=role, content="imported"))',
        lambda stage: stage.call("A", import_adding_inside, stage.sessions(), _ROLES),
        Expected({OK: 1}, ((4,),), answers={"A": "4 imported"}),
        _IMPORTED,
    ),
    source=_SAVEPOINTS,
)

MISTAKES = (SWALLOWED_COMMIT_ERROR, COMMIT_INSIDE_BEGIN, ADD_BEFORE_SAVEPOINT)
