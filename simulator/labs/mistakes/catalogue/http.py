"""Mistakes that need a web framework: the requests are HTTP requests to a FastAPI application on loopback."""

from __future__ import annotations

from typing import Any

from simulator.i18n.text import N_
from simulator.labs.fastapi.client import Call
from simulator.labs.mistakes.catalogue import http_code, http_code_async
from simulator.labs.mistakes.entry import Between, Expected, Look, Mistake, Side
from simulator.labs.mistakes.http_stage import served, served_async
from simulator.labs.mistakes.told import OK

_SMALL: dict[str, Any] = {"pool_size": 2, "max_overflow": 1, "pool_timeout": 0.25}
_REQUESTS = 100


def _read(name: str, number: int) -> Call:
    return Call(name, f"/conversations/{number}", method="GET")


_READS = ([_read("A", 98)], [_read("B", 99)], [_read("C", 100)], [_read("D", 1)])

NO_FINALLY = Mistake(
    key="no_finally",
    family="fastapi",
    title=N_("A dependency without finally"),
    story=N_(
        "Three clients ask for conversations that do not exist and are told 404. The fourth asks for one that does, "
        "and waits: the pool has no connection left. It is told 500, and so is everybody after it."
    ),
    why=N_(
        "FastAPI raises the endpoint's exception at the yield. Without try and finally the rest of the dependency is "
        "skipped, the Session stays open, and its connection stays checked out, idle in transaction."
    ),
    cure=N_("Close in finally, or write with SessionLocal() as session: yield session."),
    repeatable=N_(
        "The requests come one after the other; the Sessions are kept, so that the garbage collector does not come by "
        "between two of them."
    ),
    mistake=Side(
        (http_code.no_finally,),
        "yield session",
        served(http_code.no_finally, _SMALL, *_READS),
        Expected({"404": 3, "TimeoutError": 1}, connections=3, transactions=3),
    ),
    fixed=Side(
        (http_code.no_finally_fixed,),
        "finally:",
        served(http_code.no_finally_fixed, _SMALL, *_READS),
        Expected({"404": 3, OK: 1}, answers={"D": "How large should our pool be?"}),
    ),
    timeout=True,
)

_TEN = {"pool_size": 5, "max_overflow": 5, "pool_timeout": 0.15}
_COUNTS = [Call(f"client {number}", "/messages", method="GET") for number in range(1, _REQUESTS + 1)]

THREAD_POOL = Mistake(
    key="thread_pool",
    family="fastapi",
    title=N_("The thread pool and the connection pool wait for each other"),
    story=N_(
        "A hundred clients at once, 40 threads, ten connections. Most of them are told 500 after the pool's time-out, "
        "although each request needs its connection for a millisecond."
    ),
    why=N_(
        "A finished endpoint keeps its connection until the code after yield runs. Before that, FastAPI validates the "
        "response in a thread, and all 40 threads hold requests that wait for a connection."
    ),
    cure=N_(
        "Let no more requests past the dependency than there are connections: Depends(get_db, max_concurrency=). Or "
        "commit in the endpoint: the connection goes back before the response is validated."
    ),
    repeatable=N_("A free race: how many clients are answered differs from run to run, between the numbers shown."),
    mistake=Side(
        (http_code.thread_pool,),
        "def count_messages(session: Session = Depends(get_db)) -> int:",
        served(http_code.thread_pool, _TEN, _COUNTS),
        Expected({OK: Between(10, 80), "TimeoutError": Between(20, 90)}),
    ),
    fixed=Side(
        (http_code.thread_pool_fixed,),
        "def count_messages(session: Session = Depends(get_db, max_concurrency=10)) -> int:",
        served(http_code.thread_pool_fixed, _TEN, _COUNTS),
        Expected({OK: _REQUESTS}),
    ),
    timeout=True,
    since=("max_concurrency", "teardown_after_response"),
)

_SIGN_UP = [Call("A", "/users", {"email": "ada@example.com"})]
_USERS = Look(N_("Users called Ada L."), "SELECT count(*) FROM users WHERE name = 'Ada L.'")

COMMIT_AFTER_YIELD = Mistake(
    key="commit_after_yield",
    family="fastapi",
    title=N_("The commit comes after the response, and fails"),
    story=N_(
        "A user signs up with an e-mail that somebody has already. She is told 200 and welcomed. There is no such "
        "user: the unique constraint refused her, when the response was gone."
    ),
    why=N_(
        "The code after yield runs after the response, unless the dependency has the scope function. Its exception "
        "reaches the server's log and nobody else."
    ),
    cure=N_('Depends(get_db, scope="function"), or commit in the endpoint: a failed commit is then a 500.'),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (http_code.commit_after_yield,),
        "def sign_up(email: str, session: Session = Depends(get_db)) -> str:",
        served(http_code.commit_after_yield, _SMALL, _SIGN_UP),
        Expected({OK: 1}, ((0,),), answers={"A": "Welcome, ada@example.com!"}),
        _USERS,
    ),
    fixed=Side(
        (http_code.commit_after_yield_fixed,),
        'def sign_up(email: str, session: Session = Depends(get_db, scope="function")) -> str:',
        served(http_code.commit_after_yield_fixed, _SMALL, _SIGN_UP),
        Expected({"IntegrityError": 1}, ((0,),)),
        _USERS,
    ),
    silent=True,
    since=("teardown_after_response", "scope_function"),
)

_TRANSFER = [Call("A", "/transfers", {"payer": "1", "payee": "99", "amount": "100"})]
_CREDITS = Look(N_("Credits of all accounts"), "SELECT sum(balance)::int FROM accounts")

COMMIT_IN_FINALLY = Mistake(
    key="commit_in_finally",
    family="fastapi",
    title=N_("finally commits what failed"),
    story=N_(
        "A transfer to an account that does not exist. The client is told 404, as it should be. The hundred credits "
        "have left the payer's account, and have arrived nowhere."
    ),
    why=N_("finally runs after an exception, too: commit() writes the half that was done before it."),
    cure=N_("Commit where only success comes by: the end of with SessionLocal.begin(), which rolls back otherwise."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (http_code.commit_in_finally,),
        "session.commit()",
        served(http_code.commit_in_finally, _SMALL, _TRANSFER),
        Expected({"404": 1}, ((4900,),)),
        _CREDITS,
    ),
    fixed=Side(
        (http_code.commit_in_finally_fixed,),
        "with SessionLocal.begin() as session:",
        served(http_code.commit_in_finally_fixed, _SMALL, _TRANSFER),
        Expected({"404": 1}, ((5000,),)),
        _CREDITS,
    ),
    silent=True,
)

_POST = [Call("A", "/messages", {"agent": "Nobody", "content": "Hello"})]
_MESSAGES = Look(N_("Messages stored"), "SELECT count(*) FROM messages WHERE content = 'Hello'")

MIDDLEWARE_SESSION = Mistake(
    key="middleware_session",
    family="fastapi",
    title=N_("The Session of a middleware commits a 404"),
    story=N_(
        "A middleware opens a Session for each request and commits when the response comes back. The endpoint writes a "
        "message, finds that its agent does not exist, and raises. The client is told 404, and the message is stored."
    ),
    why=N_(
        "FastAPI turns an HTTPException into a response inside of the middleware. For the middleware, a 404 is a "
        "request that went well."
    ),
    cure=N_("Open the Session in a dependency: exceptions come to it as exceptions."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (http_code.middleware_session,),
        "session.commit()",
        served(http_code.middleware_session, _SMALL, _POST),
        Expected({"404": 1}, ((1,),)),
        _MESSAGES,
    ),
    fixed=Side(
        (http_code.middleware_session_fixed,),
        "with SessionLocal.begin() as session:",
        served(http_code.middleware_session_fixed, _SMALL, _POST),
        Expected({"404": 1}, ((0,),)),
        _MESSAGES,
    ),
    silent=True,
)

_SAVED = Look(
    N_("Messages and summaries stored"),
    "SELECT count(*) FILTER (WHERE content = 'Hello'), count(*) FILTER (WHERE content = 'Summary') FROM messages",
)

BACKGROUND_SESSION = Mistake(
    key="background_session",
    family="fastapi",
    title=N_("A background task uses the request's Session"),
    story=N_(
        "A message is stored, and a background task adds a summary with the request's Session. The client is told 200. "
        "There is no summary, and one connection less in the pool."
    ),
    why=N_(
        "A closed Session can be used again: it begins a new transaction. The dependency has ended already, so nobody "
        "commits it and nobody closes it."
    ),
    cure=N_("A background task opens its own Session, and is given ids instead of objects."),
    repeatable=N_("One request; the Session is kept, so that the garbage collector does not give its connection back."),
    mistake=Side(
        (http_code.background_session,),
        "tasks.add_task(summarise, session, 1)",
        served(http_code.background_session, _SMALL, _POST),
        Expected({OK: 1}, ((1, 0),), connections=1, transactions=1),
        _SAVED,
    ),
    fixed=Side(
        (http_code.background_session_fixed,),
        "with SessionLocal.begin() as own:",
        served(http_code.background_session_fixed, _SMALL, _POST),
        Expected({OK: 1}, ((1, 1),)),
        _SAVED,
    ),
    silent=True,
)

RETURN_OBJECT = Mistake(
    key="return_orm_object",
    family="fastapi",
    title=N_("An object is returned after the commit, with AsyncSession"),
    story=N_(
        "A message is stored and returned. The client is told 500 and sends it again: now there are two. Each attempt "
        "fails, and each attempt is stored."
    ),
    why=N_(
        "The commit expires the object. FastAPI reads its attributes outside of any await, where an AsyncSession "
        "cannot load them: MissingGreenlet, which FastAPI reports as a ResponseValidationError."
    ),
    cure=N_("async_sessionmaker(engine, expire_on_commit=False), or read what is needed before the commit."),
    repeatable=N_("One request; nothing races."),
    mistake=Side(
        (http_code_async.return_object,),
        "SessionLocal = async_sessionmaker(engine)",
        served_async(http_code_async.return_object, _SMALL, *_POST),
        Expected({"ResponseValidationError": 1}, ((1,),)),
        _MESSAGES,
    ),
    fixed=Side(
        (http_code_async.return_object_fixed,),
        "SessionLocal = async_sessionmaker(engine, expire_on_commit=False)",
        served_async(http_code_async.return_object_fixed, _SMALL, *_POST),
        Expected({OK: 1}, ((1,),)),
        _MESSAGES,
    ),
)

_EXPORTS = [[Call(name, "/export", method="GET")] for name in "ABC"]

STREAM_SESSION = Mistake(
    key="stream_session",
    family="fastapi",
    title=N_("A streamed response reads from a Session that is closed"),
    story=N_(
        "A conversation is exported as a stream, and each client gets all of it, with 200. After three exports the "
        "pool is empty: each of them has kept a connection, in silence."
    ),
    why=N_(
        "With the scope function, the code after yield runs before the response. The stream is read later, and a "
        "closed Session begins a new transaction when it is used again."
    ),
    cure=N_(
        "A dependency that a stream reads from needs the scope request, which is the default. The price: each stream "
        "holds its connection to the last byte. Where streams last, read first and end the transaction, then stream."
    ),
    repeatable=N_(
        "The exports come one after the other; the Sessions are kept, so that the garbage collector does not come by."
    ),
    mistake=Side(
        (http_code.stream_session,),
        'def export(session: Session = Depends(get_db, scope="function")) -> StreamingResponse:',
        served(http_code.stream_session, _SMALL, *_EXPORTS),
        Expected({OK: 3}, connections=3, transactions=3),
    ),
    fixed=Side(
        (http_code.stream_session_fixed,),
        "def export(session: Session = Depends(get_db)) -> StreamingResponse:",
        served(http_code.stream_session_fixed, _SMALL, *_EXPORTS),
        Expected({OK: 3}),
    ),
    silent=True,
    since=("teardown_after_response", "scope_function"),
)

MISTAKES = (
    COMMIT_AFTER_YIELD,
    COMMIT_IN_FINALLY,
    MIDDLEWARE_SESSION,
    BACKGROUND_SESSION,
    STREAM_SESSION,
    NO_FINALLY,
    THREAD_POOL,
    RETURN_OBJECT,
)
