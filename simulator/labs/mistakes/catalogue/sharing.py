"""One Session for all requests: what one of them adds, commits, rolls back or closes, it does to the others."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]

_CURE = N_("A Session a request: open it where the request begins, close it where the request ends, pass it to nobody.")
_REPEATABLE = N_("The model's answer to A is held back by a gate until B has come and gone.")
_SAVED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")
_ACCOUNTS = Look(N_("Credits of payer and payee"), "SELECT balance FROM accounts WHERE id IN (1, 2) ORDER BY id")


class TidyShared:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.session, self.llm = SessionLocal(), llm

    def save(self) -> str:
        self.session.add(Message(conversation_id=1, role="user", content="Hello"))
        self.llm("Is this message harmless?")
        self.session.commit()
        return "saved"

    def balance(self) -> int:
        try:
            return self.session.get_one(Account, 1).balance
        finally:
            # Every request tidies up behind itself. But the Session is everybody's.
            self.session.close()


class Tidy:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.SessionLocal, self.llm = SessionLocal, llm

    def save(self) -> str:
        with self.SessionLocal() as session:
            session.add(Message(conversation_id=1, role="user", content="Hello"))
            self.llm("Is this message harmless?")
            session.commit()
            return "saved"

    def balance(self) -> int:
        with self.SessionLocal() as session:
            return session.get_one(Account, 1).balance


def _tidy(stage: Stage, make: type[TidyShared] | type[Tidy]) -> None:
    chat = make(stage.sessions(), stage.llm)
    stage.meanwhile(chat.save, chat.balance)


SHARED_COMMIT_LOST = Mistake(
    key="shared_commit_lost",
    family="sharing",
    title=N_("Another request closes your Session"),
    story=N_(
        "Ada's message waits for a harmlessness check. Meanwhile another request reads a balance in the same Session "
        "and closes it behind itself. Ada's commit succeeds, she is told that her message is saved, and no row exists."
    ),
    why=N_(
        "close() rolls back and forgets every object, also those that others added. The commit after it commits an "
        "empty, new transaction: nothing to complain about."
    ),
    cure=_CURE,
    repeatable=_REPEATABLE,
    mistake=Side(
        (TidyShared,),
        "self.session, self.llm = SessionLocal(), llm",
        lambda stage: _tidy(stage, TidyShared),
        Expected({OK: 2}, ((0,),), answers={"A": "saved", "B": "1000"}),
        _SAVED,
    ),
    fixed=Side(
        (Tidy,),
        "with self.SessionLocal() as session:",
        lambda stage: _tidy(stage, Tidy),
        Expected({OK: 2}, ((1,),), answers={"A": "saved", "B": "1000"}),
        _SAVED,
    ),
    silent=True,
)


class DecliningShared:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.session, self.llm = SessionLocal(), llm

    def save(self) -> str:
        message = Message(conversation_id=1, role="user", content="Hello")
        self.session.add(message)
        # The INSERT is sent, and the message has its id.
        self.session.flush()
        self.llm("Is this message harmless?")
        self.session.commit()
        return f"saved as {message.id}"

    def decline(self) -> str:
        self.session.rollback()
        return "declined"


class Declining:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.SessionLocal, self.llm = SessionLocal, llm

    def save(self) -> str:
        with self.SessionLocal() as session:
            message = Message(conversation_id=1, role="user", content="Hello")
            session.add(message)
            session.flush()
            self.llm("Is this message harmless?")
            session.commit()
            return f"saved as {message.id}"

    def decline(self) -> str:
        with self.SessionLocal() as session:
            session.rollback()
            return "declined"


def _declining(stage: Stage, make: type[DecliningShared] | type[Declining]) -> None:
    chat = make(stage.sessions(), stage.llm)
    stage.meanwhile(chat.save, chat.decline)


SHARED_ROLLBACK = Mistake(
    key="shared_rollback",
    family="sharing",
    title=N_("Another request rolls you back"),
    story=N_(
        "Ada's message is written and has the id 41. Another request changes its mind and calls rollback() on the same "
        "Session. Ada's commit succeeds; she is told the id 41, and that row is gone."
    ),
    why=N_("One Session is one transaction. A rollback undoes all of it, whoever wrote it, and raises nowhere else."),
    cure=_CURE,
    repeatable=_REPEATABLE,
    mistake=Side(
        (DecliningShared,),
        "self.session, self.llm = SessionLocal(), llm",
        lambda stage: _declining(stage, DecliningShared),
        Expected({OK: 2}, ((0,),), answers={"A": "saved as 41", "B": "declined"}),
        _SAVED,
    ),
    fixed=Side(
        (Declining,),
        "with self.SessionLocal() as session:",
        lambda stage: _declining(stage, Declining),
        Expected({OK: 2}, ((1,),), answers={"A": "saved as 41", "B": "declined"}),
        _SAVED,
    ),
    silent=True,
)


class PayingShared:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.session, self.llm = SessionLocal(), llm

    def pay(self) -> str:
        self.session.get_one(Account, 1).balance -= 10
        if "yes" not in self.llm("May this be paid?"):
            self.session.rollback()
            return "declined"
        self.session.get_one(Account, 2).balance += 10
        self.session.commit()
        return "paid"

    def save(self) -> str:
        self.session.add(Message(conversation_id=1, role="user", content="Hello"))
        self.session.commit()
        return "saved"


class Paying:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.SessionLocal, self.llm = SessionLocal, llm

    def pay(self) -> str:
        with self.SessionLocal() as session:
            session.get_one(Account, 1).balance -= 10
            if "yes" not in self.llm("May this be paid?"):
                session.rollback()
                return "declined"
            session.get_one(Account, 2).balance += 10
            session.commit()
            return "paid"

    def save(self) -> str:
        with self.SessionLocal() as session:
            session.add(Message(conversation_id=1, role="user", content="Hello"))
            session.commit()
            return "saved"


def _paying(stage: Stage, make: type[PayingShared] | type[Paying]) -> None:
    chat = make(stage.sessions(), stage.llm)
    stage.meanwhile(chat.pay, chat.save)


SHARED_HALF_TRANSFER = Mistake(
    key="shared_half_transfer",
    family="sharing",
    title=N_("Another request publishes your half-done work"),
    story=N_(
        "Ten credits are taken from the payer while the model decides whether that may be. Another request saves a "
        "message and commits. The model declines, the payment is rolled back, and the payer is ten credits short."
    ),
    why=N_(
        "A commit flushes and commits everything that the Session holds, also what another request is half done with."
    ),
    cure=_CURE,
    repeatable=_REPEATABLE,
    mistake=Side(
        (PayingShared,),
        "self.session, self.llm = SessionLocal(), llm",
        lambda stage: _paying(stage, PayingShared),
        Expected({OK: 2}, ((990,), (1000,)), answers={"A": "declined", "B": "saved"}),
        _ACCOUNTS,
    ),
    fixed=Side(
        (Paying,),
        "with self.SessionLocal() as session:",
        lambda stage: _paying(stage, Paying),
        Expected({OK: 2}, ((1000,), (1000,)), answers={"A": "declined", "B": "saved"}),
        _ACCOUNTS,
    ),
    silent=True,
)


class SpendingShared:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.session, self.llm = SessionLocal(), llm

    def spend_all(self) -> str:
        self.session.get_one(Account, 1).balance = 0
        if "yes" not in self.llm("May this be spent?"):
            self.session.rollback()
            return "declined"
        self.session.commit()
        return "spent"

    def balance(self) -> int:
        return self.session.get_one(Account, 1).balance


class Spending:
    def __init__(self, SessionLocal: Sessions, llm: Llm) -> None:
        self.SessionLocal, self.llm = SessionLocal, llm

    def spend_all(self) -> str:
        with self.SessionLocal() as session:
            session.get_one(Account, 1).balance = 0
            if "yes" not in self.llm("May this be spent?"):
                session.rollback()
                return "declined"
            session.commit()
            return "spent"

    def balance(self) -> int:
        with self.SessionLocal() as session:
            return session.get_one(Account, 1).balance


def _spending(stage: Stage, make: type[SpendingShared] | type[Spending]) -> None:
    chat = make(stage.sessions(), stage.llm)
    stage.meanwhile(chat.spend_all, chat.balance)


SHARED_UNFLUSHED = Mistake(
    key="shared_unflushed",
    family="sharing",
    title=N_("You read what was never written"),
    story=N_(
        "The model is asked whether all credits may be spent. Meanwhile somebody asks for the balance: 0. The model "
        "declines. The database said 1000 all the time: not even a flush was sent."
    ),
    why=N_(
        "get() answers from the Session's identity map, with the object that another request has just changed. No "
        "isolation level helps: the database was not asked."
    ),
    cure=_CURE,
    repeatable=_REPEATABLE,
    mistake=Side(
        (SpendingShared,),
        "self.session, self.llm = SessionLocal(), llm",
        lambda stage: _spending(stage, SpendingShared),
        Expected({OK: 2}, ((1000,), (1000,)), answers={"A": "declined", "B": "0"}),
        _ACCOUNTS,
    ),
    fixed=Side(
        (Spending,),
        "with self.SessionLocal() as session:",
        lambda stage: _spending(stage, Spending),
        Expected({OK: 2}, ((1000,), (1000,)), answers={"A": "declined", "B": "1000"}),
        _ACCOUNTS,
    ),
    silent=True,
)

MISTAKES = (SHARED_COMMIT_LOST, SHARED_ROLLBACK, SHARED_HALF_TRANSFER, SHARED_UNFLUSHED)
