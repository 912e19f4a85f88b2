"""Atomicity and consistency: transfers that end badly, on the server that everybody uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine
from simulator.errors import EngineError, RunError
from simulator.history.schedule import History
from simulator.i18n.text import N_, Text
from simulator.labs.place import open_place
from simulator.labs.sessions.acid import application
from simulator.labs.sessions.acid.accounts import AMOUNT, SOURCE, TARGET, balances, before_and_after, setup
from simulator.labs.sessions.acid.observed import AcidRun, Failure
from simulator.recorder import Recorder, trace

Transfer = Callable[[sessionmaker[Session], int, int, int], None]
Balances = Mapping[str, int]
_END_SECONDS = 5
#: More than the payer has, less than both have together.
_TOO_MUCH = 270


@dataclass(frozen=True, slots=True)
class _Seen:
    """One transfer: what stood in the table before and after, and what the application got."""

    before: Balances
    after: Balances
    failure: Failure
    history: History
    #: the backend that was ended, None where none was
    killed: int | None

    @property
    def undone(self) -> bool:
        return self.before == self.after

    @property
    def sums(self) -> dict[str, int]:
        return {"before": sum(self.before.values()), "after": sum(self.after.values())}


class _Killer:
    """Ends the application's backend once, from a connection of its own, while the application is at a known point."""

    def __init__(self, connection: psycopg.Connection, recorder: Recorder) -> None:
        self._connection = connection
        self._recorder = recorder
        self.killed: int | None = None

    def after_statement(self, connection: Connection, *_: object) -> None:
        """Listens to `after_cursor_execute`: the statement was executed, its transaction is open."""
        if self.killed is None:
            self._end(connection.connection.driver_connection)

    def after_checkin(self, driver_connection: Any, _record: object) -> None:
        """Listens to the pool's `checkin`: the transaction is over, and the next one has not begun."""
        # None: it died before, by another hand.
        if self.killed is None and driver_connection is not None:
            self._end(driver_connection)

    def _end(self, driver_connection: Any) -> None:
        pid = int(driver_connection.info.backend_pid)
        # With a time-out the function returns when the backend is gone, and not when it was told to go.
        row = self._connection.execute("SELECT pg_terminate_backend(%s, %s)", (pid, _END_SECONDS * 1000)).fetchone()
        if row != (True,):
            raise RunError(
                Text.of("The server did not end backend {pid} in {seconds} s.", pid=pid, seconds=_END_SECONDS)
            )
        self.killed = pid
        self._recorder.moment("pg_terminate_backend", str(pid))


def run_atomicity(engine: Engine) -> AcidRun:
    """A transfer whose backend is ended after the first of its two UPDATEs; beside it the same in two transactions.

    Raises EngineBusy, EngineError, RunError.
    """
    seen = _transfer(engine, application.transfer, AMOUNT, "after_cursor_execute")
    told = (
        Text.of(
            N_(
                "After the first of two UPDATEs, and before the commit, pg_terminate_backend ended backend {pid}. "
                "The application got: {error}"
            ),
            pid=seen.killed,
            error=str(seen.failure),
        ),
        Text(N_("All or nothing: the UPDATE that had been executed is undone, and both balances are as before."))
        if seen.undone
        else Text(N_("The balances have changed, although nothing was committed: atomicity did not hold.")),
        _sum(seen),
    )
    run = _run("atomicity", N_("A transfer that is killed half-way"), told, seen, application.transfer)
    return replace(run, twin=_in_two(engine))


def _in_two(engine: Engine) -> AcidRun:
    seen = _transfer(engine, application.transfer_in_two, AMOUNT, "checkin")
    told = (
        Text.of(
            N_(
                "The debit was committed. Then pg_terminate_backend ended backend {pid}, and the second transaction "
                "got: {error}"
            ),
            pid=seen.killed,
            error=str(seen.failure),
        ),
        Text.of(N_("Half a transfer stays: {lost} credits are lost."), lost=seen.sums["before"] - seen.sums["after"])
        if not seen.undone
        else Text(N_("The balances are as before.")),
        _sum(seen),
    )
    return _run("atomicity_in_two", N_("The same in two transactions"), told, seen, application.transfer_in_two)


def run_consistency(engine: Engine) -> AcidRun:
    """A transfer of more than there is: the target is credited, then the CHECK refuses the debit.

    Raises EngineBusy, EngineError, RunError.
    """
    seen = _transfer(engine, application.credit_then_debit, _TOO_MUCH, None)
    told = (
        Text.of(
            N_("The CHECK on the balance refused the debit: {error} (SQLSTATE {sqlstate})."),
            error=str(seen.failure),
            sqlstate=seen.failure.sqlstate,
        ),
        Text(N_("The credit had been executed before; it is undone with the whole transaction."))
        if seen.undone
        else Text(N_("The balances have changed, although the transaction failed: consistency did not hold.")),
        _sum(seen),
    )
    title = N_("A CHECK that refuses an overdraft")
    run = _run("consistency", title, told, seen, application.credit_then_debit)
    return replace(run, held=run.held and min(seen.after.values()) >= 0)


def _transfer(engine: Engine, transfer: Transfer, amount: int, kill_at: str | None) -> _Seen:
    """Run it once in a schema of its own; `kill_at` names the event of SQLAlchemy at which its backend is ended."""
    with open_place(engine, setup(), 3) as place:
        before = balances(place)
        sql_engine = place.create_engine(pool_size=1, max_overflow=0)
        session_local = sessionmaker(sql_engine)
        with trace(sql_engine, session_local) as recorder, place.connect("killer") as connection:
            killer = _Killer(connection, recorder)
            # Listened to inside of the trace, so that the recorder has noted the statement before its backend ends.
            if kill_at == "after_cursor_execute":
                event.listen(sql_engine, kill_at, killer.after_statement)
            elif kill_at == "checkin":
                event.listen(sql_engine, kill_at, killer.after_checkin)
            failure = _failure(recorder, lambda: transfer(session_local, SOURCE, TARGET, amount))
        if kill_at is not None and killer.killed is None:
            raise EngineError(str(failure))
        return _Seen(before, balances(place), failure, recorder.history(), killer.killed)


def _failure(recorder: Recorder, work: Callable[[], None]) -> Failure:
    """What the application got. Raises RunError where it got nothing: then the run shows nothing."""
    try:
        with recorder.request("transfer", "transfer", N_("Transfer credits")):
            work()
    except DBAPIError as error:
        return Failure.of(error)
    raise RunError(
        Text.of("The transfer succeeded, although it should have been refused or interrupted. Run it again.")
    )


def _sum(seen: _Seen) -> Text:
    if seen.sums["before"] == seen.sums["after"]:
        return Text.of(N_("The sum is kept: {after}."), after=seen.sums["after"])
    return Text.of(N_("The sum is not kept: it was {before} and is {after}."), **seen.sums)


def _run(key: str, title: str, told: tuple[Text, ...], seen: _Seen, code: Transfer) -> AcidRun:
    facts = before_and_after(seen.before, seen.after)
    return AcidRun(key, title, told, seen.history, facts, inspect.getsource(code), seen.undone, seen.failure)
