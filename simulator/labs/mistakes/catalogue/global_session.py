"""The Session or Connection of a module, used by every request for as long as the application runs."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]

_CURE = N_("A Session a request: open it where the request begins, close it where the request ends, pass it to nobody.")
_SAVED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")
_BALANCE = Look(N_("Credits of the account"), "SELECT balance FROM accounts WHERE id = 1")


class SharedConnection:
    def __init__(self, engine: Engine, llm: Llm) -> None:
        self.connection, self.llm = engine.connect(), llm

    def save(self) -> str:
        row = {"conversation_id": 1, "role": "user", "content": "Hello"}
        new = self.connection.scalar(insert(Message).values(row).returning(Message.id))
        self.llm("Is this message harmless?")
        self.connection.commit()
        return f"saved as {new}"

    def count(self) -> int:
        found = self.connection.scalar(select(func.count()).select_from(Message))
        # A reader ends its transaction.
        self.connection.rollback()
        return found or 0


class OwnConnections:
    def __init__(self, engine: Engine, llm: Llm) -> None:
        self.engine, self.llm = engine, llm

    def save(self) -> str:
        with self.engine.connect() as connection:
            row = {"conversation_id": 1, "role": "user", "content": "Hello"}
            new = connection.scalar(insert(Message).values(row).returning(Message.id))
            self.llm("Is this message harmless?")
            connection.commit()
            return f"saved as {new}"

    def count(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(Message)) or 0


def _core(stage: Stage, make: type[SharedConnection] | type[OwnConnections]) -> None:
    chat = make(stage.create_engine(), stage.llm)
    stage.meanwhile(chat.save, chat.count)


SHARED_CONNECTION = Mistake(
    key="shared_connection",
    family="sharing",
    title=N_("One Connection for two threads"),
    story=N_(
        "Without the ORM it is the same: B counts the messages on A's Connection, sees A's uncommitted row, and ends "
        "its read with a rollback. A commits, is told that the message is saved as 41, and the row is gone."
    ),
    why=N_(
        "A Connection is one backend and one transaction. Statements of all threads queue up on it, in one transaction."
    ),
    cure=N_("A Connection a thread, taken from the engine with `with engine.connect()` and given back at once."),
    repeatable=N_("The model's answer to A is held back by a gate until B has come and gone."),
    mistake=Side(
        (SharedConnection,),
        "self.connection, self.llm = engine.connect(), llm",
        lambda stage: _core(stage, SharedConnection),
        Expected({OK: 2}, ((0,),), connections=1, answers={"A": "saved as 41", "B": "41"}),
        _SAVED,
    ),
    fixed=Side(
        (OwnConnections,),
        "with self.engine.connect() as connection:",
        lambda stage: _core(stage, OwnConnections),
        Expected({OK: 2}, ((1,),), answers={"A": "saved as 41", "B": "40"}),
        _SAVED,
    ),
    silent=True,
)


class Wallet:
    def __init__(self, SessionLocal: Sessions) -> None:
        self.session = SessionLocal()

    def balance(self) -> int:
        self.account = self.session.get_one(Account, 1)
        return self.account.balance


class WalletPerRequest:
    def __init__(self, SessionLocal: Sessions) -> None:
        self.SessionLocal = SessionLocal

    def balance(self) -> int:
        with self.SessionLocal() as session:
            self.account = session.get_one(Account, 1)
            return self.account.balance


def _read_twice(stage: Stage, make: type[Wallet] | type[WalletPerRequest]) -> None:
    wallet = make(stage.sessions())
    stage.call("A", wallet.balance)
    with stage.place.connect("billing") as billing:
        billing.execute("UPDATE accounts SET balance = 400 WHERE id = 1")
    stage.moment("billing", "balance = 400")
    stage.call("B", wallet.balance)


GLOBAL_SESSION = Mistake(
    key="global_session",
    family="sharing",
    title=N_("A global Session answers with old data"),
    story=N_(
        "The first request of the day reads the balance: 1000. Billing takes 600 credits. Every request after that is "
        "still told 1000, until the application is started again."
    ),
    why=N_(
        "get() returns the object that the Session already holds, as long as anything refers to it, and sends nothing. "
        "Nobody ended the transaction that loaded it, so its connection is idle in transaction all day."
    ),
    cure=_CURE,
    repeatable=N_("Three steps, one after the other; nothing races."),
    mistake=Side(
        (Wallet,),
        "self.session = SessionLocal()",
        lambda stage: _read_twice(stage, Wallet),
        Expected({OK: 2}, ((400,),), connections=1, transactions=1, answers={"A": "1000", "B": "1000"}),
        _BALANCE,
    ),
    fixed=Side(
        (WalletPerRequest,),
        "with self.SessionLocal() as session:",
        lambda stage: _read_twice(stage, WalletPerRequest),
        Expected({OK: 2}, ((400,),), answers={"A": "1000", "B": "400"}),
        _BALANCE,
    ),
    silent=True,
)


def add_column(connection: Connection) -> str:
    # Careful as one should be: rather give up than make every reader wait behind the migration.
    connection.execute(text("SET LOCAL lock_timeout = '300ms'"))
    connection.execute(text("ALTER TABLE accounts ADD COLUMN currency text"))
    connection.commit()
    return "migrated"


def _migrate(stage: Stage, make: type[Wallet] | type[WalletPerRequest]) -> None:
    engine = stage.create_engine()
    wallet = make(stage.session_maker(engine))
    stage.call("A", wallet.balance)

    def migration() -> str:
        with engine.connect() as connection:
            return add_column(connection)

    stage.call("migration", migration)


_COLUMNS = Look(
    N_("Columns of the table"),
    "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'accounts'",
)

GLOBAL_ALTER = Mistake(
    key="global_alter",
    family="sharing",
    title=N_("A global Session stops the migration"),
    story=N_(
        "One request read a balance an hour ago. Tonight's ALTER TABLE waits for that transaction, and gives up. "
        "Without its lock_timeout every reader would now wait behind it."
    ),
    why=N_(
        "A SELECT locks its table against ALTER until the transaction ends, and nobody ends a global Session's one."
    ),
    cure=_CURE,
    repeatable=N_("Two steps, one after the other; the time-out is the ALTER's own."),
    mistake=Side(
        (Wallet, add_column),
        "self.session = SessionLocal()",
        lambda stage: _migrate(stage, Wallet),
        Expected({OK: 1, "LockNotAvailable": 1}, ((3,),), connections=1, transactions=1),
        _COLUMNS,
    ),
    fixed=Side(
        (WalletPerRequest, add_column),
        "with self.SessionLocal() as session:",
        lambda stage: _migrate(stage, WalletPerRequest),
        Expected({OK: 2}, ((4,),), answers={"migration": "migrated"}),
        _COLUMNS,
    ),
    timeout=True,
)

MISTAKES = (SHARED_CONNECTION, GLOBAL_SESSION, GLOBAL_ALTER)
