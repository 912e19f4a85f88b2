"""Each setting of the Session lab has its effect on a real server; the recorder's events are the evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import func, select, text
from sqlalchemy.exc import InvalidRequestError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine
from simulator.history.application import (
    CommitStarted,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionInvalidated,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    ConnectionReset,
    FlushStarted,
    ObjectStateChanged,
    PoolObserved,
)
from simulator.history.event import Event
from simulator.history.schedule import StatementFailed, StatementStarted
from simulator.labs.backend.models import Account
from simulator.labs.place import Place, open_place
from simulator.labs.sessions.acid.accounts import setup
from simulator.labs.sessions.settings import Settings
from simulator.model import Isolation
from simulator.recorder import Recorder, trace
from simulator.traces import occupancy, read
from tests.integration.leftovers import backends_at_rest

Kind = TypeVar("Kind", bound=Event)


@dataclass(frozen=True)
class Application:
    """An application with these settings, and what was recorded of it."""

    place: Place
    engine: SqlEngine
    session_local: sessionmaker[Session]
    recorder: Recorder

    def seen(self, kind: type[Kind]) -> list[Kind]:
        """Events of this kind so far, in order."""
        return [event for event in self.recorder.history().events if isinstance(event, kind)]

    def read(self) -> int:
        """One request: how many accounts there are."""
        with self.session_local() as session:
            return int(session.scalar(select(func.count()).select_from(Account)) or 0)

    def end_backends(self) -> None:
        """The server ends every connection of the application."""
        with self.place.connect("killer") as connection:
            for pid, _state in self.place.application_backends():
                assert connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)


@pytest.fixture
def place(engine: Engine) -> Iterator[Place]:
    with open_place(engine, setup(), 8) as place:
        yield place


@contextmanager
def application(place: Place, **settings: Any) -> Iterator[Application]:
    """As the lab makes it of its controls."""
    chosen = Settings(**settings)
    engine = place.create_engine(**chosen.engine_arguments())
    session_local = sessionmaker(engine, **chosen.session_arguments())
    with trace(engine, session_local) as recorder:
        yield Application(place, engine, session_local, recorder)


def test_without_pre_ping_a_killed_connection_fails_one_request(place: Place) -> None:
    with application(place) as app:
        assert app.read() == 2
        app.end_backends()
        with pytest.raises(OperationalError):
            app.read()
        assert len(app.seen(StatementFailed)) == 1
        assert len(app.seen(ConnectionInvalidated)) == 1
        assert app.read() == 2, "the next one has a new connection"


def test_pre_ping_saves_a_killed_connection(place: Place) -> None:
    with application(place, pool_pre_ping=True) as app:
        assert app.read() == 2
        app.end_backends()
        assert app.read() == 2
        assert not app.seen(StatementFailed)
        first, second = app.seen(ConnectionOpened)
        assert first.backend != second.backend
        assert app.seen(ConnectionCheckedOut)[-1].backend == second.backend
        assert app.seen(PoolObserved)[0].pre_ping


@pytest.mark.parametrize(("reset", "leaks"), [("rollback", False), (None, True)])
def test_reset_on_return_decides_whether_state_leaks(place: Place, reset: str | None, leaks: bool) -> None:
    with application(place, pool_size=1, max_overflow=0, reset_on_return=reset) as app:
        one = app.engine.raw_connection()
        cursor = one.cursor()
        cursor.execute("SET application_name = 'tenant one'")
        cursor.execute("INSERT INTO accounts (owner, balance) VALUES ('Carol', 1)")
        one.close()
        two = app.engine.raw_connection()
        cursor = two.cursor()
        cursor.execute("SELECT current_setting('application_name'), count(*) FROM accounts")
        name, count = cursor.fetchone()
        two.close()
        assert (name == "tenant one", count) == ((True, 3) if leaks else (False, 2))
        assert app.place.ask("SELECT count(*) FROM accounts") == ((2,),), "and nobody has committed it"
        assert [event.status for event in app.seen(ConnectionReset)] == ["in transaction", "in transaction"]
        assert len({event.backend for event in app.seen(ConnectionCheckedOut)}) == 1
        assert app.seen(PoolObserved)[0].reset_on_return == ("none" if leaks else "rollback")


def test_reset_on_return_commit_publishes_what_nobody_committed(place: Place) -> None:
    with application(place, reset_on_return="commit") as app:
        one = app.engine.raw_connection()
        one.cursor().execute("INSERT INTO accounts (owner, balance) VALUES ('Carol', 1)")
        one.close()
        assert app.place.ask("SELECT count(*) FROM accounts") == ((3,),)
        assert app.seen(PoolObserved)[0].reset_on_return == "commit"


@pytest.mark.parametrize(("recycle", "backends"), [(-1, 1), (0, 3)])
def test_pool_recycle_reconnects(place: Place, recycle: int, backends: int) -> None:
    with application(place, pool_recycle=recycle) as app:
        assert [app.read() for _ in range(3)] == [2, 2, 2]
        assert len({event.backend for event in app.seen(ConnectionCheckedOut)}) == backends
        # With 0, SQLAlchemy replaces even the very first connection before it is used.
        assert len(app.seen(ConnectionClosed)) == (backends if recycle == 0 else 0)
        assert backends_at_rest(app.place, 1) == 1
        assert app.seen(PoolObserved)[0].recycle_s == recycle


@pytest.mark.parametrize(("lifo", "slot"), [(False, 1), (True, 2)])
def test_lifo_takes_the_connection_that_came_back_last(place: Place, lifo: bool, slot: int) -> None:
    with application(place, pool_use_lifo=lifo) as app:
        one, two = app.engine.connect(), app.engine.connect()
        one.close()
        two.close()
        app.engine.connect().close()
        assert [event.slot for event in app.seen(ConnectionCheckedOut)] == [1, 2, slot]
        assert app.seen(PoolObserved)[0].lifo is lifo


def test_lifo_lets_one_connection_serve_what_fifo_spreads(place: Place) -> None:
    used = {}
    for lifo in (False, True):
        with application(place, pool_size=3, pool_use_lifo=lifo) as app:
            with ExitStack() as all_at_once:
                for _ in range(3):
                    all_at_once.enter_context(app.engine.connect())
            for _ in range(6):
                app.read()
            used[lifo] = {event.slot for event in app.seen(ConnectionCheckedOut)[3:]}
    assert used[False] == {1, 2, 3}
    assert len(used[True]) == 1


@pytest.mark.parametrize("timeout", [0.02, 0.2])
def test_pool_timeout_is_how_long_a_request_waits_in_vain(place: Place, timeout: float) -> None:
    with application(place, pool_size=1, max_overflow=0, pool_timeout=timeout) as app:
        with app.engine.connect(), pytest.raises(PoolTimeout, match="QueuePool limit of size 1 overflow 0 reached"):
            app.read()
        (refused,) = app.seen(ConnectionRefused)
        assert refused.timed_out
        (asked,) = [event for event in app.seen(ConnectionRequested) if event.asked == refused.asked]
        assert refused.at_ns - asked.at_ns >= timeout * 1e9
        assert asked.session == "S1", "and the Session that waited is known"
        assert app.read() == 2, "afterwards the pool is as before"


def test_max_overflow_opens_connections_that_do_not_stay(place: Place) -> None:
    with application(place, pool_size=1, max_overflow=2, pool_timeout=0.02) as app:
        with ExitStack() as all_at_once:
            for _ in range(3):
                all_at_once.enter_context(app.engine.connect())
            assert len(app.place.application_backends()) == 3
            with pytest.raises(PoolTimeout):
                app.engine.connect()
        assert len(app.seen(ConnectionOpened)) == 3
        assert len(app.seen(ConnectionClosed)) == 2, "only pool_size of them are kept"
        app.read()
        assert len(app.seen(ConnectionOpened)) == 3


def test_the_curve_counts_what_the_pool_itself_counts(place: Place) -> None:
    with application(place, pool_size=1, max_overflow=2) as app:
        pool: Any = app.engine.pool
        held: list[Any] = []
        for step in "+++--+--":
            held.append(app.engine.connect()) if step == "+" else held.pop(0).close()
            now = occupancy(read(app.recorder.history()))[-1]
            said = (pool.checkedout(), max(0, pool.overflow()), pool.checkedin())
            assert (now.checked_out, now.overflow, now.idle) == said


@pytest.mark.parametrize("expire", [True, False])
def test_expire_on_commit_costs_a_select_and_a_connection(place: Place, expire: bool) -> None:
    with application(place, expire_on_commit=expire) as app:
        with app.session_local() as session:
            account = session.get_one(Account, 1)
            session.commit()
            assert account.balance == 250
        (commit,) = app.seen(CommitStarted)
        later = [event for event in app.seen(StatementStarted) if event.seq > commit.seq]
        assert len(later) == (1 if expire else 0)
        assert len(app.seen(ConnectionCheckedOut)) == (2 if expire else 1)
        assert any(event.expired for event in app.seen(ObjectStateChanged)) is expire


def test_an_object_that_expired_cannot_see_a_stale_value(place: Place) -> None:
    for expire, balance in ((True, 777), (False, 250)):
        with application(place, expire_on_commit=expire) as app, app.session_local() as session:
            account = session.get_one(Account, 1)
            session.commit()
            with place.connect("other") as other:
                other.execute("UPDATE accounts SET balance = 777 WHERE id = 1")
            assert account.balance == balance
            with place.connect("other") as other:
                other.execute("UPDATE accounts SET balance = 250 WHERE id = 1")


@pytest.mark.parametrize("autoflush", [True, False])
def test_autoflush_writes_before_a_query_reads(place: Place, autoflush: bool) -> None:
    with application(place, autoflush=autoflush) as app, app.session_local() as session:
        session.add(Account(owner="Carol", balance=1))
        count = session.scalar(select(func.count()).select_from(Account))
        assert count == (3 if autoflush else 2)
        commands = [event.sql.split()[0] for event in app.seen(StatementStarted)]
        assert commands == (["INSERT", "SELECT"] if autoflush else ["SELECT"])
        assert len(app.seen(FlushStarted)) == (1 if autoflush else 0)


@pytest.mark.parametrize(
    ("isolation", "second"),
    [(None, 777), (Isolation.READ_COMMITTED, 777), (Isolation.REPEATABLE_READ, 250), (Isolation.SERIALIZABLE, 250)],
)
def test_the_isolation_level_decides_what_a_second_read_sees(
    place: Place, isolation: Isolation | None, second: int
) -> None:
    balance = select(Account.balance).where(Account.id == 1)
    with application(place, isolation=isolation) as app, app.session_local() as session:
        assert session.scalar(balance) == 250
        with place.connect("other") as other:
            other.execute("UPDATE accounts SET balance = 777 WHERE id = 1")
        assert session.scalar(balance) == second
        shown = session.scalar(text("SELECT current_setting('transaction_isolation')"))
        assert shown == (isolation or Isolation.READ_COMMITTED).value.lower()
        assert len(app.seen(ConnectionCheckedOut)) == 1, "all in one transaction"


def test_without_close_resets_only_a_closed_session_refuses(place: Place) -> None:
    with application(place, close_resets_only=True) as app:
        session = app.session_local()
        session.close()
        assert session.scalar(text("SELECT 1")) == 1, "by default it begins again, silently"
        session.close()
    with application(place, close_resets_only=False) as app:
        session = app.session_local()
        session.close()
        with pytest.raises(InvalidRequestError, match="permanently closed"):
            session.scalar(text("SELECT 1"))
        assert not app.seen(StatementStarted)
