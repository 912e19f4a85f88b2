"""Anomalies that the ORM does not prevent: two requests that read the same, and each writes what follows from it."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Agent
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.sqlstate import sqlstate
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
Llm = Callable[[str], str]

_MEANWHILE = N_("The model's answer to A is held back by a gate until B has come and gone.")


def spend(SessionLocal: Sessions, price: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1)
        llm(f"May {account.owner} spend {price} credits?")
        # What is written is the balance that was read, less the price.
        account.balance -= price
    return "spent"


def spend_locked(SessionLocal: Sessions, price: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        account = session.get_one(Account, 1, with_for_update=True)
        llm(f"May {account.owner} spend {price} credits?")
        # Nobody else can have changed the row since it was read.
        account.balance -= price
    return "spent"


def _spending(stage: Stage) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    stage.meanwhile(lambda: spend(SessionLocal, 10, stage.llm), lambda: spend(SessionLocal, 100, stage.llm))


def _queueing(stage: Stage) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    with stage.gate("llm", "A") as thinking:
        first = stage.start("A", spend_locked, SessionLocal, 10, stage.llm)
        thinking.reached()
        second = stage.start("B", spend_locked, SessionLocal, 100, stage.llm)
        stage.wait_for_lock()
    first.join()
    second.join()


_BALANCE = Look(N_("Credits of the account, 1000 at first"), "SELECT balance FROM accounts WHERE id = 1")

ORM_LOST_UPDATE = Mistake(
    key="orm_lost_update",
    family="isolation",
    title=N_("Two requests spend, one is forgotten"),
    story=N_("One request spends 10 credits and another 100, both at once. Both are told so. The account lost 10."),
    why=N_(
        "`balance -= price` is Python: read, subtract, and write an absolute number at the flush. At READ COMMITTED "
        "the second write overwrites the first."
    ),
    cure=N_(
        "Lock with the first read, with_for_update=True, before you compute; or let the UPDATE compute: "
        "Account.balance - price."
    ),
    repeatable=N_(
        "The model's answer to A is held back by a gate until B has come and gone; in the fixed run, until B is seen "
        "waiting for the row."
    ),
    mistake=Side(
        (spend,),
        "account = session.get_one(Account, 1)",
        _spending,
        Expected({OK: 2}, ((990,),)),
        _BALANCE,
    ),
    fixed=Side(
        (spend_locked,),
        "account = session.get_one(Account, 1, with_for_update=True)",
        _queueing,
        Expected({OK: 2}, ((890,),)),
        _BALANCE,
    ),
    silent=True,
)


def remember(SessionLocal: Sessions, topic: str, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        agent = session.get_one(Agent, 1)
        state = {**agent.state, topic: len(llm(f"What is new about {topic}?"))}
        # An UPDATE of your own knows nothing of the version column.
        session.execute(update(Agent).where(Agent.id == 1).values(state=state))
    return "remembered"


def remember_versioned(SessionLocal: Sessions, topic: str, llm: Llm) -> str:
    for _attempt in range(3):
        try:
            with SessionLocal.begin() as session:
                agent = session.get_one(Agent, 1)
                # The flush sends UPDATE … WHERE version = the one that was read.
                agent.state = {**agent.state, topic: len(llm(f"What is new about {topic}?"))}
            return "remembered"
        except StaleDataError:
            # Somebody was faster: read again.
            continue
    raise TimeoutError("three attempts")


def _remembering(stage: Stage, work: Callable[[Sessions, str, Llm], str]) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    stage.meanwhile(
        lambda: work(SessionLocal, "prices", stage.llm),
        lambda: work(SessionLocal, "people", stage.llm),
    )


_TOPICS = Look(
    N_("What the agent remembers"), "SELECT key FROM agents, jsonb_object_keys(state) AS key WHERE id = 1 ORDER BY key"
)

ORM_VERSION_BYPASSED = Mistake(
    key="orm_version_bypassed",
    family="isolation",
    title=N_("The version column is passed by"),
    story=N_(
        "Two requests add to the memory of one agent. Its table has a version column against just that; but one line "
        "writes with update(). Both are told that it is remembered, and one of the two is forgotten."
    ),
    why=N_("version_id_col is checked when a flush writes an object. update() is a statement of your own."),
    cure=N_(
        "Change the object and let the flush write it; catch StaleDataError around the transaction, and try again."
    ),
    repeatable=_MEANWHILE,
    mistake=Side(
        (remember,),
        "session.execute(update(Agent).where(Agent.id == 1).values(state=state))",
        lambda stage: _remembering(stage, remember),
        Expected({OK: 2}, (("prices",),)),
        _TOPICS,
    ),
    fixed=Side(
        (remember_versioned,),
        'agent.state = {**agent.state, topic: len(llm(f"What is new about {topic}?"))}',
        lambda stage: _remembering(stage, remember_versioned),
        Expected({OK: 2}, (("people",), ("prices",))),
        _TOPICS,
    ),
    silent=True,
)


def withdraw(SessionLocal: Sessions, account_id: int, llm: Llm) -> str:
    with SessionLocal.begin() as session:
        total = session.scalar(select(func.sum(Account.balance)).where(Account.id.in_((1, 2)))) or 0
        llm(f"Together they have {total}. Is that enough?")
        # The two must keep 1000 between them.
        if total - 1000 < 1000:
            return "declined"
        session.get_one(Account, account_id).balance -= 1000
    return "paid"


def withdraw_serializable(SessionLocal: Sessions, account_id: int, llm: Llm) -> str:
    for _attempt in range(3):
        try:
            with SessionLocal.begin() as session:
                session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
                total = session.scalar(select(func.sum(Account.balance)).where(Account.id.in_((1, 2)))) or 0
                llm(f"Together they have {total}. Is that enough?")
                if total - 1000 < 1000:
                    return "declined"
                session.get_one(Account, account_id).balance -= 1000
            return "paid"
        except OperationalError as error:
            # Could not serialize: from the start, in a new transaction.
            if sqlstate(error) != "40001":
                raise
    raise TimeoutError("three attempts")


def _withdrawing(stage: Stage, work: Callable[[Sessions, int, Llm], str]) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    stage.meanwhile(lambda: work(SessionLocal, 1, stage.llm), lambda: work(SessionLocal, 2, stage.llm))


_TOGETHER = Look(
    N_("Credits of both accounts together, 2000 at first"), "SELECT sum(balance)::int FROM accounts WHERE id IN (1, 2)"
)

ORM_WRITE_SKEW = Mistake(
    key="orm_write_skew",
    family="isolation",
    title=N_("Each looks at both, and takes from its own"),
    story=N_(
        "Two accounts must keep 1000 credits between them. Two requests see 2000 and take 1000 each, from different "
        "accounts. Both are told that it is paid; nothing is left."
    ),
    why=N_("They write different rows, so no lock and no version column sees them meet: write skew."),
    cure=N_("SERIALIZABLE, and a retry around the whole transaction."),
    repeatable=_MEANWHILE,
    mistake=Side(
        (withdraw,),
        "total = session.scalar(select(func.sum(Account.balance)).where(Account.id.in_((1, 2)))) or 0",
        lambda stage: _withdrawing(stage, withdraw),
        Expected({OK: 2}, ((0,),), answers={"A": "paid", "B": "paid"}),
        _TOGETHER,
    ),
    fixed=Side(
        (withdraw_serializable, sqlstate),
        'session.connection(execution_options={"isolation_level": "SERIALIZABLE"})',
        lambda stage: _withdrawing(stage, withdraw_serializable),
        Expected({OK: 2}, ((1000,),), answers={"A": "declined", "B": "paid"}),
        _TOGETHER,
    ),
    silent=True,
)

MISTAKES = (ORM_LOST_UPDATE, ORM_VERSION_BYPASSED, ORM_WRITE_SKEW)
