"""Objects that outlive their Session, load one by one, or hold on to what they were loaded with."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, scoped_session, selectinload, sessionmaker

from simulator.history.schedule import History, StatementStarted
from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Conversation, Message
from simulator.labs.mistakes.entry import Expected, Figure, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]


def pay_locked_late(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        llm(f"Is {account.owner} allowed to spend 10 credits?")
        locked = select(Account).where(Account.id == 1).with_for_update()
        account = session.scalars(locked).one()
        # The row is locked. The object still has the balance from before.
        account.balance -= 10
        return f"{account.balance} left"


def pay_locked_anew(SessionLocal: Sessions, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        llm(f"Is {account.owner} allowed to spend 10 credits?")
        locked = select(Account).where(Account.id == 1).with_for_update()
        account = session.scalars(locked.execution_options(populate_existing=True)).one()
        # The object has what the locked row has.
        account.balance -= 10
        return f"{account.balance} left"


def spend_hundred(SessionLocal: Sessions) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1, with_for_update=True)
        account.balance -= 100
        return f"{account.balance} left"


def _late_lock(stage: Stage, pay: Callable[[Sessions, Llm], str]) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    stage.meanwhile(lambda: pay(SessionLocal, stage.llm), lambda: spend_hundred(SessionLocal))


_BALANCE = Look(N_("Credits of the account, 1000 at first"), "SELECT balance FROM accounts WHERE id = 1")

GET_THEN_LOCK = Mistake(
    key="get_then_lock",
    family="objects",
    title=N_("Locked, and yet out of date"),
    story=N_(
        "The account is loaded, the model is asked, then the row is locked with FOR UPDATE, as it should be. Meanwhile "
        "another request spent 100 credits. Both are told that all is well, and the 100 are there again."
    ),
    why=N_(
        "The SELECT … FOR UPDATE does return the new balance. But the Session has this object already, and does not "
        "overwrite the attributes of a loaded object."
    ),
    cure=N_(
        "Read the locked row anew: execution_options(populate_existing=True), or refresh(…, with_for_update=True). Not "
        "get(…, with_for_update=True): that locks the row and keeps the old values of an object that is loaded already."
    ),
    repeatable=N_("The model's answer to A is held back by a gate until B has come and gone."),
    mistake=Side(
        (pay_locked_late, spend_hundred),
        "account = session.scalars(locked).one()",
        lambda stage: _late_lock(stage, pay_locked_late),
        Expected({OK: 2}, ((990,),), answers={"A": "990 left", "B": "900 left"}),
        _BALANCE,
    ),
    fixed=Side(
        (pay_locked_anew, spend_hundred),
        "account = session.scalars(locked.execution_options(populate_existing=True)).one()",
        lambda stage: _late_lock(stage, pay_locked_anew),
        Expected({OK: 2}, ((890,),), answers={"A": "890 left", "B": "900 left"}),
        _BALANCE,
    ),
    silent=True,
)


class ScopedChat:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.Session, self.llm = scoped_session(SessionLocal), llm

    def draft(self) -> str:
        self.Session.add(Message(conversation_id=1, role="user", content="draft"))
        if "yes" not in self.llm("Shall this be sent?"):
            return "discarded"
        self.Session.commit()
        return "saved"

    def save(self) -> str:
        self.Session.add(Message(conversation_id=1, role="user", content="Hello"))
        self.Session.commit()
        return "saved"


class RemovingChat:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.Session, self.llm = scoped_session(SessionLocal), llm

    def draft(self) -> str:
        try:
            self.Session.add(Message(conversation_id=1, role="user", content="draft"))
            if "yes" not in self.llm("Shall this be sent?"):
                return "discarded"
            self.Session.commit()
            return "saved"
        finally:
            self.Session.remove()

    def save(self) -> str:
        try:
            self.Session.add(Message(conversation_id=1, role="user", content="Hello"))
            self.Session.commit()
            return "saved"
        finally:
            self.Session.remove()


def _one_worker(stage: Stage, make: type[ScopedChat] | type[RemovingChat]) -> None:
    chat = make(stage.sessions(), stage.llm)

    def worker() -> None:
        for name, work in (("A", chat.draft), ("B", chat.save)):
            with stage.client(name) as client:
                client.answer = work()

    stage.thread("worker", worker).join()


SCOPED_SESSION = Mistake(
    key="scoped_session",
    family="objects",
    title=N_("The next request publishes your draft"),
    story=N_(
        "Ada's draft is discarded, and she is told so. The worker's thread then serves Grace, who saves a message. "
        "Both messages are stored."
    ),
    why=N_(
        "scoped_session has one Session a thread, and a server's thread serves many requests. The draft waited in it."
    ),
    cure=N_(
        "remove() at the end of every request, whatever happened: in finally, in the thread that did the work. In "
        "another thread remove() removes nothing."
    ),
    repeatable=N_("One thread serves both requests, one after the other."),
    mistake=Side(
        (ScopedChat,),
        "self.Session, self.llm = scoped_session(SessionLocal), llm",
        lambda stage: _one_worker(stage, ScopedChat),
        Expected({OK: 2}, (("draft",), ("Hello",)), answers={"A": "discarded", "B": "saved"}),
        Look(N_("Messages stored"), "SELECT content FROM messages WHERE id > 40 ORDER BY id"),
    ),
    fixed=Side(
        (RemovingChat,),
        "self.Session.remove()",
        lambda stage: _one_worker(stage, RemovingChat),
        Expected({OK: 2}, (("Hello",),), answers={"A": "discarded", "B": "saved"}),
        Look(N_("Messages stored"), "SELECT content FROM messages WHERE id > 40 ORDER BY id"),
    ),
    silent=True,
)


def conversation_detached(SessionLocal: Sessions) -> str:
    with SessionLocal() as session:
        conversation = session.get_one(Conversation, 1)
    # The Session is closed; the template wants the messages now.
    return f"{conversation.title} {len(conversation.messages)} messages"


def conversation_loaded(SessionLocal: Sessions) -> str:
    with SessionLocal() as session:
        conversation = session.get_one(Conversation, 1, options=[selectinload(Conversation.messages)])
    # All that is needed was loaded while the Session was open.
    return f"{conversation.title} {len(conversation.messages)} messages"


LAZY_AFTER_CLOSE = Mistake(
    key="lazy_after_close",
    family="objects",
    title=N_("The messages are wanted after the close"),
    story=N_("The conversation is loaded, the Session is closed, and the page asks for the messages: error 500."),
    why=N_(
        "A relationship is loaded when it is first read, through the object's Session. A closed Session has let it go."
    ),
    cure=N_("Load eagerly what is needed later: selectinload or joinedload."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (conversation_detached,),
        "conversation = session.get_one(Conversation, 1)",
        lambda stage: stage.call("A", conversation_detached, stage.sessions()),
        Expected({"DetachedInstanceError": 1}),
    ),
    fixed=Side(
        (conversation_loaded,),
        "conversation = session.get_one(Conversation, 1, options=[selectinload(Conversation.messages)])",
        lambda stage: stage.call("A", conversation_loaded, stage.sessions()),
        Expected({OK: 1}, answers={"A": "How large should our pool be? 2 messages"}),
    ),
)


def overview(SessionLocal: Sessions) -> int:
    with SessionLocal() as session:
        conversations = session.scalars(select(Conversation)).all()
        # Each turn of this loop sends a SELECT of its own.
        return sum(len(conversation.messages) for conversation in conversations)


def overview_loaded(SessionLocal: Sessions) -> int:
    with SessionLocal() as session:
        conversations = session.scalars(select(Conversation).options(selectinload(Conversation.messages))).all()
        # The messages of all conversations came with one SELECT.
        return sum(len(conversation.messages) for conversation in conversations)


def _statements(history: History) -> int:
    return sum(isinstance(event, StatementStarted) for event in history.events)


_STATEMENTS = Figure(N_("Statements sent"), _statements)

N_PLUS_ONE = Mistake(
    key="n_plus_one",
    family="objects",
    title=N_("One SELECT for each conversation"),
    story=N_(
        "An overview of twenty conversations is correct, and takes 21 statements. With two thousand it takes 2001."
    ),
    why=N_("The first SELECT loads the conversations; each .messages that is read sends one more."),
    cure=N_("selectinload: two statements; joinedload: one. raiseload turns a forgotten one into an error."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (overview,),
        "conversations = session.scalars(select(Conversation)).all()",
        lambda stage: stage.call("A", overview, stage.sessions()),
        Expected({OK: 1}, answers={"A": "40"}, figure=21),
        figure=_STATEMENTS,
    ),
    fixed=Side(
        (overview_loaded,),
        "conversations = session.scalars(select(Conversation).options(selectinload(Conversation.messages))).all()",
        lambda stage: stage.call("A", overview_loaded, stage.sessions()),
        Expected({OK: 1}, answers={"A": "40"}, figure=2),
        figure=_STATEMENTS,
    ),
)

MISTAKES = (GET_THEN_LOCK, SCOPED_SESSION, LAZY_AFTER_CLOSE, N_PLUS_ONE)
