"""Transactions in each other's way: two that wait in a circle, and some that hold what others wait for."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]


def transfer(SessionLocal: Sessions, payer_id: int, payee_id: int) -> str:
    with SessionLocal.begin() as session:
        # The payer's row first, then the payee's: another order in every transfer.
        session.execute(update(Account).where(Account.id == payer_id).values(balance=Account.balance - 10))
        session.execute(update(Account).where(Account.id == payee_id).values(balance=Account.balance + 10))
    return "transferred"


def transfer_in_order(SessionLocal: Sessions, payer_id: int, payee_id: int) -> str:
    with SessionLocal.begin() as session:
        # Whoever pays whom, the account with the smaller id is locked first.
        both = select(Account).where(Account.id.in_((payer_id, payee_id))).order_by(Account.id).with_for_update()
        accounts = {account.id: account for account in session.scalars(both)}
        accounts[payer_id].balance -= 10
        accounts[payee_id].balance += 10
    return "transferred"


def _crossing(stage: Stage) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    halfway = stage.gate("after_cursor_execute", sql="UPDATE accounts")
    running = [stage.start(name, transfer, SessionLocal, *ids) for name, ids in (("A", (1, 2)), ("B", (2, 1)))]
    halfway.reached(2)
    halfway.open()
    for each in running:
        each.join()


def _queueing(stage: Stage) -> None:
    SessionLocal = stage.sessions()  # noqa: N806
    with stage.gate("after_cursor_execute", "A", sql="FOR UPDATE") as locked:
        first = stage.start("A", transfer_in_order, SessionLocal, 1, 2)
        locked.reached()
        second = stage.start("B", transfer_in_order, SessionLocal, 2, 1)
        stage.wait_for_lock()
    first.join()
    second.join()


_BALANCES = Look(
    N_("Credits of the two accounts, 1000 each at first, the smaller first"),
    "SELECT balance FROM accounts WHERE id IN (1, 2) ORDER BY balance",
)

DEADLOCK_ORDER = Mistake(
    key="deadlock_order",
    family="transactions",
    title=N_("Two transfers, two orders"),
    story=N_(
        "Scout pays Clerk ten credits, and at the same moment Clerk pays Scout ten. Each has changed one row and waits "
        "for the other's. PostgreSQL ends one of the two."
    ),
    why=N_(
        "Rows are locked in the order of the UPDATEs, until the transaction ends. Two orders make a circle. A flush "
        "sorts its UPDATEs by primary key; statements of your own are not sorted."
    ),
    cure=N_("Lock rows in one order everywhere: by id, with one SELECT … ORDER BY … FOR UPDATE."),
    repeatable=N_(
        "A gate after the first UPDATE holds both transfers until both are there. Which of the two is ended is the "
        "server's choice. The fixed transfers meet as well: the second is seen waiting for the first."
    ),
    mistake=Side(
        (transfer,),
        "session.execute(update(Account).where(Account.id == payer_id).values(balance=Account.balance - 10))",
        _crossing,
        Expected({OK: 1, "DeadlockDetected": 1}, ((990,), (1010,))),
        _BALANCES,
    ),
    fixed=Side(
        (transfer_in_order,),
        "both = select(Account).where(Account.id.in_((payer_id, payee_id))).order_by(Account.id).with_for_update()",
        _queueing,
        Expected({OK: 2}, ((1000,), (1000,))),
        _BALANCES,
    ),
)


def answer_inside(SessionLocal: Sessions, llm: Callable[[str], str]) -> str:
    with SessionLocal() as session:
        question = session.scalars(select(Message.content).order_by(Message.id)).first()
        # The transaction is open, and the connection with it, for as long as the model thinks.
        answer = llm(question or "")
        session.add(Message(conversation_id=1, role="assistant", content="answered"))
        session.commit()
    return answer


def answer_outside(SessionLocal: Sessions, llm: Callable[[str], str]) -> str:
    with SessionLocal() as session:
        question = session.scalars(select(Message.content).order_by(Message.id)).first()
        # The transaction ends here, before the model thinks, and the connection goes back to the pool.
        session.rollback()
        answer = llm(question or "")
        session.add(Message(conversation_id=1, role="assistant", content="answered"))
        session.commit()
    return answer


# On a machine with too much to do, a second is what the fixed requests may need for their turn.
_SMALL_POOL = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 1.0}
_USERS = ("A", "B", "C", "D")


def _inside(stage: Stage) -> None:
    SessionLocal = stage.sessions(**_SMALL_POOL)  # noqa: N806
    with stage.gate("llm"):
        running = [stage.start(name, answer_inside, SessionLocal, stage.llm) for name in _USERS]
        stage.wait_told(2, "TimeoutError")
    for each in running:
        each.join()


def _outside(stage: Stage) -> None:
    SessionLocal = stage.sessions(**_SMALL_POOL)  # noqa: N806
    with stage.gate("llm") as thinking:
        running = [stage.start(name, answer_outside, SessionLocal, stage.llm) for name in _USERS]
        thinking.reached(len(_USERS))
    for each in running:
        each.join()


_ANSWERS = Look(N_("Answers stored"), "SELECT count(*) FROM messages WHERE content = 'answered'")

LLM_INSIDE = Mistake(
    key="llm_inside",
    family="transactions",
    title=N_("The model thinks inside the transaction"),
    story=N_(
        "Four users ask at the same time; the pool has two connections. Two requests hold them while the model thinks, "
        "and the other two wait in vain: TimeoutError, though the database has nothing to do."
    ),
    why=N_("The first SELECT begins a transaction; the Session keeps its connection until commit, rollback or close."),
    cure=N_("End the transaction before any call that takes its time: read, commit, call the model, then write."),
    repeatable=N_(
        "The model answers when two clients were refused; in the fixed run when all four are asking it at once, which "
        "two connections would not allow if they were held."
    ),
    mistake=Side(
        (answer_inside,),
        'answer = llm(question or "")',
        _inside,
        Expected({OK: 2, "TimeoutError": 2}, ((2,),)),
        _ANSWERS,
    ),
    fixed=Side((answer_outside,), "session.rollback()", _outside, Expected({OK: 4}, ((4,),)), _ANSWERS),
    timeout=True,
)

MISTAKES = (DEADLOCK_ORDER, LLM_INSIDE)
