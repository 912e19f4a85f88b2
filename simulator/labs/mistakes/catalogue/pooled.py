"""What lies in the pool: a connection with the last tenant's setting on it, and connections that died."""
# ruff: noqa: N803 (SessionLocal is what applications call it)

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.orm import Session, sessionmaker

from simulator.i18n.text import N_
from simulator.labs.backend.models import Message
from simulator.labs.mistakes.entry import Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK

Sessions = sessionmaker[Session]
CreateEngine = Callable[..., Engine]
Llm = Callable[[str], str]

_TENANT = text("SELECT current_setting('app.tenant', true)")


def use_tenant(SessionLocal: Sessions, tenant: str) -> str:
    with SessionLocal() as session:
        # As SET app.tenant: for as long as the connection lives.
        session.execute(select(func.set_config("app.tenant", tenant, False)))
        found = session.scalar(_TENANT)
        session.commit()
        return f"{found or 'no tenant'}"


def use_tenant_local(SessionLocal: Sessions, tenant: str) -> str:
    with SessionLocal() as session:
        # As SET LOCAL app.tenant: over with the transaction, however that ends.
        session.execute(select(func.set_config("app.tenant", tenant, True)))
        found = session.scalar(_TENANT)
        session.commit()
        return f"{found or 'no tenant'}"


def tenant_unset(SessionLocal: Sessions) -> str:
    with SessionLocal() as session:
        # An endpoint that forgot to set its tenant: the database should refuse it every row.
        return f"{session.scalar(_TENANT) or 'no tenant'}"


def _tenants(stage: Stage, set_tenant: Callable[[Sessions, str], str]) -> None:
    SessionLocal = stage.sessions(pool_size=1, max_overflow=0)  # noqa: N806
    stage.call("A", set_tenant, SessionLocal, "acme")
    stage.call("B", tenant_unset, SessionLocal)


RESET_ON_RETURN = Mistake(
    key="reset_on_return",
    family="leaking",
    title=N_("The next request is the last one's tenant"),
    story=N_(
        "Row level security asks which tenant a connection works for. One request sets acme. The next, of somebody "
        "else, sets nothing, gets the same connection from the pool, and sees what belongs to acme."
    ),
    why=N_(
        "A setting of the session lives as long as the connection, and a pooled connection lives for days. What the "
        "pool does on return is a ROLLBACK, and this SET was committed; pool_reset_on_return=None sends not even that."
    ),
    cure=N_("SET LOCAL, or set_config(…, true): a setting of the transaction, which ends before anybody else comes."),
    repeatable=N_("Two requests, one after the other, and a pool of one connection."),
    mistake=Side(
        (use_tenant, tenant_unset),
        'session.execute(select(func.set_config("app.tenant", tenant, False)))',
        lambda stage: _tenants(stage, use_tenant),
        Expected({OK: 2}, answers={"A": "acme", "B": "acme"}),
    ),
    fixed=Side(
        (use_tenant_local, tenant_unset),
        'session.execute(select(func.set_config("app.tenant", tenant, True)))',
        lambda stage: _tenants(stage, use_tenant_local),
        Expected({OK: 2}, answers={"A": "acme", "B": "no tenant"}),
    ),
    silent=True,
)


def write_invoices(engine: Engine, job: int, llm: Llm) -> str:
    with engine.connect() as connection:
        alone = connection.scalar(select(func.pg_try_advisory_lock(job)))
    # The connection is back in the pool, with the lock on it, for whoever takes it next.
    if not alone:
        return "somebody else writes them"
    llm("Write this month's invoices.")
    with engine.begin() as connection:
        connection.execute(insert(Message).values(conversation_id=1, role="tool", content="invoices"))
        connection.execute(select(func.pg_advisory_unlock(job)))
    return "written"


def write_invoices_in_one(engine: Engine, job: int, llm: Llm) -> str:
    with engine.begin() as connection:
        # Held by this transaction, and let go when it ends, however that is.
        alone = connection.scalar(select(func.pg_try_advisory_xact_lock(job)))
        if not alone:
            return "somebody else writes them"
        llm("Write this month's invoices.")
        connection.execute(insert(Message).values(conversation_id=1, role="tool", content="invoices"))
    return "written"


def _two_jobs(stage: Stage, write: Callable[[Engine, int, Llm], str]) -> None:
    engine = stage.create_engine(pool_size=2)
    # Advisory locks are the whole database's, which other runs may use as well.
    job = crc32(stage.place.label.encode())
    stage.meanwhile(lambda: write(engine, job, stage.llm), lambda: write(engine, job, stage.llm))


_INVOICES = Look(N_("Invoices written for the one month"), "SELECT count(*) FROM messages WHERE content = 'invoices'")

ADVISORY_LOCK_POOL = Mistake(
    key="advisory_lock_pool",
    family="leaking",
    title=N_("A session's advisory lock goes back to the pool"),
    story=N_(
        "Two jobs want to write this month's invoices, and an advisory lock shall let one of them. The first has it "
        "and is at work. The second asks, is told that it has the lock, too, and writes them once more."
    ),
    why=N_(
        "pg_advisory_lock belongs to the connection, and the job gave that back. The pool lends it to the second "
        "job, and a connection that has a lock gets it again at once. The ROLLBACK on return does not end such a lock."
    ),
    cure=N_(
        "pg_advisory_xact_lock, in the transaction that does the work: it ends with it. The price: one connection, "
        "held for as long as the job takes."
    ),
    repeatable=N_("The model's answer to A is held back by a gate until B has come and gone."),
    mistake=Side(
        (write_invoices,),
        "alone = connection.scalar(select(func.pg_try_advisory_lock(job)))",
        lambda stage: _two_jobs(stage, write_invoices),
        Expected({OK: 2}, ((2,),), answers={"A": "written", "B": "written"}),
        _INVOICES,
    ),
    fixed=Side(
        (write_invoices_in_one,),
        "alone = connection.scalar(select(func.pg_try_advisory_xact_lock(job)))",
        lambda stage: _two_jobs(stage, write_invoices_in_one),
        Expected({OK: 2}, ((1,),), answers={"A": "written", "B": "somebody else writes them"}),
        _INVOICES,
    ),
    silent=True,
    source="https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS",
)


def engine_trusting(create_engine: CreateEngine) -> Engine:
    return create_engine(pool_size=3)


def engine_asking(create_engine: CreateEngine) -> Engine:
    return create_engine(pool_size=3, pool_pre_ping=True)


def ready(SessionLocal: Sessions) -> str:
    with SessionLocal() as session:
        return f"ready {session.scalar(select(1))}"


def _restarted(stage: Stage, make: Callable[[CreateEngine], Engine]) -> None:
    engine = make(stage.create_engine)
    SessionLocal = stage.session_maker(engine)  # noqa: N806
    filling = [engine.connect() for _ in range(3)]
    for connection in filling:
        connection.close()
    stage.end_backends()
    for name in ("A", "B", "C"):
        stage.call(name, ready, SessionLocal)


DEAD_CONNECTIONS = Mistake(
    key="dead_connections",
    family="leaking",
    title=N_("The pool is full of dead connections"),
    story=N_(
        "The database was restarted in the night. The pool still holds three connections, and knows nothing of it. The "
        "first user of the morning is told an error."
    ),
    why=N_(
        "A pool learns that a connection is dead from the statement that fails on it. Then it gives up all that are "
        "older than the failure, so one request pays for all three."
    ),
    cure=N_("pool_pre_ping=True: each checkout asks first, and a dead connection is replaced unseen."),
    repeatable=N_("The server ends the three backends, and has said so, before the requests begin."),
    mistake=Side(
        (engine_trusting, ready),
        "return create_engine(pool_size=3)",
        lambda stage: _restarted(stage, engine_trusting),
        Expected({"OperationalError": 1, OK: 2}),
    ),
    fixed=Side(
        (engine_asking, ready),
        "return create_engine(pool_size=3, pool_pre_ping=True)",
        lambda stage: _restarted(stage, engine_asking),
        Expected({OK: 3}),
    ),
)

MISTAKES = (RESET_ON_RETURN, ADVISORY_LOCK_POOL, DEAD_CONNECTIONS)
