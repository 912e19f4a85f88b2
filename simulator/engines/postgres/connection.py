"""A connection of ours to the server: for the privileged side, for setting up and for looking; never a scheduled one.

Every wait has a deadline; a connection whose answer did not come in time is closed, since it still belongs to a
statement that nobody waits for. Several threads may ask: they are served one after another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import pq

from simulator.engines.postgres.exchange import LARGE_BYTES, STATEMENT_BYTES, Exchange, Meter, until_readable
from simulator.engines.postgres.statements import statement
from simulator.errors import DeadlinePassed, EngineError, LimitReached, one_line
from simulator.i18n.text import Text

#: Seconds for a question of the privileged side: it reads catalogues, and nothing of a visitor's runs in it.
PATIENCE_S = 5.0

#: Seconds between two attempts to connect.
_PACE_S = 0.05

Values = Sequence[bytes | None]


class Refused(EngineError):
    """The server's own error, with its SQLSTATE; the connection goes on."""

    def __init__(self, message: str, sqlstate: str, position: int | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        #: the character of the query at which the server stumbled, from 1; None where it names none
        self.position = position


class TooLarge(LimitReached):
    """The answer was larger than allowed; the statement was cancelled, and the connection goes on."""


class ServerConnection:
    """One connection. Every call raises Refused, DeadlinePassed, and EngineError where the connection is gone."""

    def __init__(self, conninfo: str, explain: Callable[[psycopg.Error], EngineError] | None = None) -> None:
        """Connect. Raises EngineError, in `explain`'s words."""
        try:
            self._driver = psycopg.connect(conninfo, autocommit=True)
        except psycopg.Error as error:
            raise (explain(error) if explain else EngineError(one_line(error))) from None
        self.pgconn = self._driver.pgconn
        self.pgconn.nonblocking = 1
        self.pid = self.pgconn.backend_pid
        #: an answer was so large that libpq holds much memory for as long as this connection is open
        self.large = False
        self._prepared: set[str] = set()
        self._asking = threading.Lock()

    @property
    def usable(self) -> bool:
        """False once it is closed, or the server has closed it; does not ask the server."""
        if self.pgconn.status != pq.ConnStatus.OK:
            return False
        if not self._asking.acquire(blocking=False):
            # Somebody asks, and will be told; two who look at once would close the socket under each other.
            return True
        try:
            idle = self.pgconn.transaction_status != pq.TransactionStatus.ACTIVE
            with suppress(psycopg.Error, OSError):  # OSError: somebody else has just closed it
                # The server's last words come first, the end of the connection after them.
                while idle and self.pgconn.status == pq.ConnStatus.OK and until_readable([self.pgconn.socket], 0):
                    self.pgconn.consume_input()
                    self.pgconn.is_busy()
            return self.pgconn.status == pq.ConnStatus.OK
        finally:
            self._asking.release()

    def query(
        self,
        text: bytes,
        deadline: float | None = None,
        *,
        tick: Callable[[], None] | None = None,
        meter: Meter | None = None,
        on_overflow: Callable[[], None] | None = None,
    ) -> list[pq.abc.PGresult]:
        """Every result of one round trip, in order; `text` may hold several statements."""
        with self._asked():
            self.pgconn.send_query(text)
            return self._answer(Exchange(self.pgconn, meter, on_overflow), deadline, tick)

    def ask(self, name: str, values: Values = (), deadline: float | None = None) -> pq.abc.PGresult:
        """The result of `sql/<name>.sql`, prepared at its first use on this connection."""
        with self._asked():
            if name not in self._prepared:
                self.pgconn.send_prepare(name.encode(), statement(name))
                self._answer(Exchange(self.pgconn), deadline)
                self._prepared.add(name)
            self.pgconn.send_query_prepared(name.encode(), values)
            return self._answer(Exchange(self.pgconn), deadline)[0]

    def send(self, text: bytes) -> Exchange:
        """Send without waiting: the caller waits for the exchange, then `check`s its results."""
        try:
            self.pgconn.send_query(text)
        except psycopg.Error:
            raise _closed() from None
        return Exchange(self.pgconn)

    def close(self) -> None:
        """Close the socket; what the server was doing for it ends with it."""
        with suppress(psycopg.Error):
            self._driver.close()

    def _answer(
        self, exchange: Exchange, deadline: float | None, tick: Callable[[], None] | None = None
    ) -> list[pq.abc.PGresult]:
        results = exchange.wait(time.monotonic() + PATIENCE_S if deadline is None else deadline, tick)
        self.large |= exchange.received > LARGE_BYTES
        if exchange.overflowed:
            raise TooLarge(Text.of("The answer was larger than {size} MB.", size=STATEMENT_BYTES // 1_000_000))
        return check(results)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        with self._asking:
            try:
                yield
            except (Refused, TooLarge):
                raise
            except psycopg.Error:
                raise _closed() from None
            except (DeadlinePassed, EngineError):
                self.close()
                raise


def connect_again(conninfo: str, explain: Callable[[psycopg.Error], EngineError], seconds: float) -> ServerConnection:
    """A connection to a server that was gone, and may be starting or recovering. Raises EngineError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ServerConnection(conninfo, explain)
        except EngineError:
            if time.monotonic() > deadline:
                raise
        threading.Event().wait(_PACE_S)


def can_connect(conninfo: str) -> bool:
    """Whether the server takes a new connection now."""
    try:
        ServerConnection(conninfo).close()
    except EngineError:
        return False
    return True


_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
#: After an error of these severities the server closes the connection.
_LAST_WORDS = (b"FATAL", b"PANIC")


def check(results: list[pq.abc.PGresult]) -> list[pq.abc.PGresult]:
    """These results. Raises Refused where one of them is an error."""
    for result in results:
        if result.status in _FAILED:
            sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE)
            severity = result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED)
            if sqlstate is None or severity in _LAST_WORDS:  # libpq's own: nobody is there any more
                raise _closed()
            raise _refused(result, sqlstate.decode())
    return results


def _refused(result: pq.abc.PGresult, sqlstate: str) -> Refused:
    """In the server's words, without the piece of the query and the caret that libpq draws below them."""
    fields = (pq.DiagnosticField.MESSAGE_PRIMARY, pq.DiagnosticField.MESSAGE_DETAIL)
    words = [(result.error_field(each) or b"").decode(errors="replace") for each in fields]
    position = result.error_field(pq.DiagnosticField.STATEMENT_POSITION)
    told = ". ".join(one_line(each) for each in words if each)
    return Refused(told, sqlstate, int(position) if position else None)


def _closed() -> EngineError:
    return EngineError(Text.of("The connection to the database was lost."))
