"""More pools or more connections than a request needs."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Account, Message, User
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
CreateEngine = Callable[[], Engine]

_CLIENTS = ("A", "B", "C", "D", "E")


class BalanceByEngine:
    def __init__(self, create_engine: CreateEngine) -> None:
        self.create_engine = create_engine

    def balance(self, account_id: int) -> int:
        # A pool comes with every engine, and the connection goes back to that pool.
        engine = self.create_engine()
        with Session(engine) as session:
            return session.get_one(Account, account_id).balance


class Balance:
    def __init__(self, create_engine: CreateEngine) -> None:
        # One engine for as long as the application runs: one pool.
        self.engine = create_engine()

    def balance(self, account_id: int) -> int:
        with Session(self.engine) as session:
            return session.get_one(Account, account_id).balance


def _asked(stage: Stage, make: type[BalanceByEngine] | type[Balance]) -> None:
    stage.create_engine()
    accounts = make(stage.another_engine)
    for number, name in enumerate(_CLIENTS, start=1):
        stage.call(name, accounts.balance, number)


_OPEN = Look(
    N_("Connections of the application that are open on the server"),
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = current_schema() || ':app'",
)

ENGINE_PER_REQUEST = Mistake(
    key="engine_per_request",
    family="leaking",
    title=N_("Every request makes an engine"),
    story=N_(
        "Each of five requests, one after the other, makes an engine and asks for a balance. All are answered, every "
        "Session is closed, no pool misses a connection. And yet five connections stay open on the server, idle."
    ),
    why=N_(
        "An engine has a pool of its own. A closed Session gives its connection back to that pool, where the next "
        "request, which has another one, does not look. Each request pays for connecting, too."
    ),
    cure=N_("One engine a process, made where the module is imported; a Session a request. Or dispose() of it."),
    repeatable=N_(
        "One request after the other. The engines are kept, so that it does not depend on when the garbage collector "
        "comes by and closes what it finds."
    ),
    mistake=Side(
        (BalanceByEngine,),
        "engine = self.create_engine()",
        lambda stage: _asked(stage, BalanceByEngine),
        Expected({OK: 5}, ((5,),)),
        _OPEN,
    ),
    fixed=Side(
        (Balance,),
        "self.engine = create_engine()",
        lambda stage: _asked(stage, Balance),
        Expected({OK: 5}, ((1,),)),
        _OPEN,
    ),
    silent=True,
    source="https://docs.sqlalchemy.org/en/21/core/connections.html#basic-usage",
)


def post_with_two(SessionLocal: Sessions, user_id: int, text: str) -> str:
    # A repository each, and each of the two has a Session of its own.
    with SessionLocal() as users, SessionLocal.begin() as messages:
        user = users.get_one(User, user_id)
        messages.add(Message(conversation_id=1, role="user", content=f"{user.name}: {text}"))
        messages.flush()
    return "posted"


def post_with_one(SessionLocal: Sessions, user_id: int, text: str) -> str:
    # Both repositories are given the request's one Session.
    with SessionLocal.begin() as session:
        user = session.get_one(User, user_id)
        session.add(Message(conversation_id=1, role="user", content=f"{user.name}: {text}"))
        session.flush()
    return "posted"


def _two_at_once(stage: Stage, post: Callable[[Sessions, int, str], str]) -> None:
    SessionLocal = stage.sessions(pool_size=2, max_overflow=0, pool_timeout=0.3)  # noqa: N806
    found = stage.gate("after_cursor_execute", sql="FROM users")
    returning = stage.gate("reset")
    with returning, found:
        running = [stage.start(name, post, SessionLocal, number, "Hello") for number, name in enumerate("AB", start=1)]
        found.reached(2)
        found.open()
        # Nobody gives a connection back before both were refused, or both have committed.
        returning.reached(2)
    for each in running:
        each.join()


_POSTED = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE right(content, 7) = ': Hello'")

TWO_SESSIONS = Mistake(
    key="two_sessions",
    family="leaking",
    title=N_("Two Sessions in one request"),
    story=N_(
        "Each request reads its user in one Session and writes its message in another. Two requests come at once, and "
        "the pool has two connections. Each has one and waits for a second: both are told an error, nothing is stored."
    ),
    why=N_(
        "A Session that has read keeps its connection until its transaction ends. So a request with two Sessions "
        "needs two connections at the same time, and as many requests as the pool has connections wait for each other."
    ),
    cure=N_("One Session a request, given to every repository: one connection, and one transaction for both."),
    repeatable=N_(
        "A gate holds both requests when they have read their users; another one holds every connection on its way "
        "back to the pool until both requests are there."
    ),
    mistake=Side(
        (post_with_two,),
        "with SessionLocal() as users, SessionLocal.begin() as messages:",
        lambda stage: _two_at_once(stage, post_with_two),
        Expected({"TimeoutError": 2}, ((0,),)),
        _POSTED,
    ),
    fixed=Side(
        (post_with_one,),
        "with SessionLocal.begin() as session:",
        lambda stage: _two_at_once(stage, post_with_one),
        Expected({OK: 2}, ((2,),)),
        _POSTED,
    ),
    timeout=True,
    source="https://docs.sqlalchemy.org/en/21/orm/session_basics.html#session-faq-whentocreate",
)

MISTAKES = (ENGINE_PER_REQUEST, TWO_SESSIONS)
