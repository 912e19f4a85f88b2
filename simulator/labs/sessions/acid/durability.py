"""Durability: a server of its own is killed, twice, and recovers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine, ServerInfo
from simulator.errors import EngineBusy, EngineError, RunError
from simulator.history.application import ConnectionCheckedIn
from simulator.i18n.text import N_, Text
from simulator.labs.backend.models import Account
from simulator.labs.sessions.acid import application
from simulator.labs.sessions.acid.accounts import ACCOUNTS, table
from simulator.labs.sessions.acid.observed import AcidRun, Failure
from simulator.model import Scalar
from simulator.recorder import Recorder, trace

if TYPE_CHECKING:
    from simulator.engines.postgres.embedded.private import PrivateServer

Owners = tuple[str, ...]
Facts = tuple[tuple[Text, Scalar], ...]
OpenAccount = Callable[[sessionmaker[Session], str, int], None]
_BALANCE = 100
_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")

_PRIVATE = N_(
    "This run has a PostgreSQL server of its own, in a temporary folder that is removed afterwards: the server that "
    "everybody uses ({place}) may not be killed."
)
_PRIVATE_TOO = N_(
    "This run has a PostgreSQL server of its own, in a temporary folder that is removed afterwards: the server that "
    "DATABASE_URL names ({place}) is not killed, and nothing is said about its settings."
)
_LIMIT = N_("Not shown: a power failure. What a disk keeps then, only its own write cache decides.")


@dataclass(frozen=True, slots=True)
class _Crash:
    """Rows before and after one crash, read by a connection beside the application's."""

    #: whom the application committed, and whom it only flushed
    committed: str
    flushed: str
    before: Owners
    after: Owners
    #: what the application got when it wanted to commit what it had flushed
    failure: Failure

    @property
    def kept(self) -> bool:
        """The committed row is still there."""
        return self.committed in self.after

    @property
    def undone(self) -> bool:
        """The row that was only flushed is not."""
        return self.flushed not in self.after


@dataclass(frozen=True, slots=True)
class _Application:
    """An application on the private server, traced."""

    server: PrivateServer
    session_local: sessionmaker[Session]
    recorder: Recorder

    def crash(self, open_account: OpenAccount, committed: str, flushed: str, kill: Callable[[int], None]) -> _Crash:
        """Flush one row, commit another, `kill` (it is given the backend that committed), and look what is left."""
        with self.session_local() as session:
            session.add(Account(owner=flushed, balance=_BALANCE))
            session.flush()
            with self.recorder.request(committed, "open_account", N_("Open an account")):
                open_account(self.session_local, committed, _BALANCE)
            before = self.owners()
            kill(self._last_backend())
            after = self.owners()
            return _Crash(committed, flushed, before, after, _failed_commit(session))

    def owners(self) -> Owners:
        """The committed rows, by a new connection."""
        with self.server.connect() as connection:
            return tuple(str(owner) for owner, _balance in connection.execute(ACCOUNTS).fetchall())

    def kill_backend(self, pid: int) -> None:
        self.recorder.moment(f"kill -9 {pid}", N_("One backend"))
        self.server.kill_backend(pid)
        self.recorder.moment(N_("The server takes connections again"))

    def kill_all(self, _pid: int) -> None:
        self.recorder.moment("kill -9", N_("Every process of the server"))
        self.server.kill_all()
        self.recorder.moment(N_("The server takes connections again"))

    def _last_backend(self) -> int:
        events = self.recorder.history().events
        served = [event.backend for event in events if isinstance(event, ConnectionCheckedIn)]
        if not served or served[-1] is None:
            raise RunError(Text.of("The driver does not tell which backend served the commit."))
        return served[-1]


def run_durability(engine: Engine) -> AcidRun:
    """Commit, kill the backend that served it, commit, kill the whole server; beside it a commit that does not wait.

    `engine` is told of, and not touched. Takes about 2 s.
    Raises EngineBusy; EngineError where no such server can run here.
    """
    with _server() as server:
        with server.connect() as connection:
            connection.execute(table().encode())
            shown = connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name", (list(_SETTINGS),)
            ).fetchall()
        settings: Facts = tuple((Text(str(name)), str(setting)) for name, setting in shown)
        run = _patient(server, engine.info())
        return replace(run, observed=settings + run.observed, twin=_hurried(server))


def _patient(server: PrivateServer, everybody: ServerInfo) -> AcidRun:
    server.words()
    with _application(server) as app:
        one = app.crash(application.open_account, "Ann", "Ben", app.kill_backend)
        all_ = app.crash(application.open_account, "Cleo", "Dan", app.kill_all)
        history = app.recorder.history()
    told = (
        Text(
            N_("First, kill -9 of the backend that had served the commit: the server ended all others and recovered.")
        ),
        _verdict(one),
        Text(N_("Then, kill -9 of all the server's processes, and a new start.")),
        _verdict(all_),
        Text.of(_PRIVATE if everybody.embedded else _PRIVATE_TOO, place=everybody.place),
        Text(_LIMIT),
    )
    held = one.kept and one.undone and all_.kept and all_.undone
    title = N_("A commit that outlives its server")
    facts = _facts(one, all_)
    code = inspect.getsource(application.open_account)
    return AcidRun("durability", title, told, history, facts, code, held, all_.failure, server.words())


def _hurried(server: PrivateServer) -> AcidRun:
    with _application(server) as app:
        crash = app.crash(application.open_account_in_a_hurry, "Eve", "Fay", app.kill_all)
        history = app.recorder.history()
    told = (
        Text.of(
            N_(
                "With synchronous_commit = off, commit() returned and another connection saw {owner}. After the crash "
                "the row is gone: its WAL was still in the server's memory. No data is damaged, but the commit is lost."
            ),
            owner=crash.committed,
        )
        if not crash.kept
        else Text.of(N_("{owner} is still there: the WAL was written in time, by chance."), owner=crash.committed),
    )
    code = inspect.getsource(application.open_account_in_a_hurry)
    title = N_("A commit that does not wait for the disk")
    words = server.words()
    return AcidRun("durability_in_a_hurry", title, told, history, _facts(crash), code, crash.kept, crash.failure, words)


def _verdict(crash: _Crash) -> Text:
    if not crash.kept:
        return Text.of(N_("{committed} was committed and is lost: durability did not hold."), committed=crash.committed)
    if not crash.undone:
        return Text.of(N_("{flushed} was never committed and is there: atomicity did not hold."), flushed=crash.flushed)
    return Text.of(
        N_("{committed} was committed and is still there; {flushed} was flushed but not committed and is gone."),
        committed=crash.committed,
        flushed=crash.flushed,
    )


def _facts(*crashes: _Crash) -> Facts:
    return tuple(
        (Text.of(template, number=number), ", ".join(owners))
        for number, crash in enumerate(crashes, start=1)
        for template, owners in (
            (N_("Owners in the table before crash {number}"), crash.before),
            (N_("Owners in the table after crash {number}"), crash.after),
        )
    )


def _failed_commit(session: Session) -> Failure:
    """The crash took the transaction with it: the application learns it from its commit. Raises RunError."""
    try:
        session.commit()
    except DBAPIError as error:
        return Failure.of(error)
    raise RunError(Text.of("A transaction outlived the crash of its server. Run it again."))


@contextmanager
def _application(server: PrivateServer) -> Iterator[_Application]:
    engine = create_engine("postgresql+psycopg2://", connect_args=server.keywords)
    session_local = sessionmaker(engine)
    try:
        with trace(engine, session_local) as recorder:
            yield _Application(server, session_local, recorder)
    finally:
        engine.dispose()


@contextmanager
def _server() -> Iterator[PrivateServer]:
    # Only here: where DATABASE_URL names a server, nothing else needs the one that comes along.
    from simulator.engines.postgres.embedded.private import private_server

    try:
        with private_server() as server:
            yield server
    except EngineBusy:
        raise
    except EngineError as error:
        raise EngineError(
            Text.of(
                "Durability takes a server of its own that may be killed, and none can run here: {report}",
                report=error.text,
            )
        ) from None
