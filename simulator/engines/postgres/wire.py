"""One scheduled session on PostgreSQL's wire protocol: libpq's asynchronous calls, never waiting.

`psycopg.pq` keeps every result of a multi-statement step, delivers notices while a statement still runs, and gives
exact SQLSTATEs. The session knows nothing of schedules; it sends one step and collects what the server answers, within
stated limits: of what is larger, `Reply.cuts` tells how much was kept.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import overload

from psycopg import pq
from psycopg.errors import OperationalError

from simulator.engines.postgres.connection import ServerConnection, check
from simulator.engines.postgres.exchange import LARGE_BYTES, Exchange, Meter, until_readable
from simulator.engines.replies import Cut, Notice, Notification, Reply, ResultSet, ServerError
from simulator.errors import EngineError, RunError, one_line
from simulator.history.sqlstates import SqlState
from simulator.history.words import CutKind
from simulator.i18n.text import Text
from simulator.model import Row, Scalar
from simulator.sql.bind import numbered

#: Rows of one result that are kept; what follows is counted and not stored.
MAX_ROWS = 1000

#: Characters of one value that are kept.
MAX_VALUE = 10_000

#: Notices of one statement that are kept.
MAX_NOTICES = 200

#: Seconds in which a session must be ready for its first step.
OPEN_S = 2.0

#: The message of an error that libpq reports by itself: its own is three lines that say the same.
LOST = "the connection to the server was lost"

_DIAGNOSTICS = pq.DiagnosticField
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)


class WireSession:
    """A `SessionConnection` on a connection that somebody else opened and will take back.

    `cancel` asks the server, by another connection, to give up the statement of a process. `before` is sent at once,
    and its answer read before the first step is sent, so that several sessions are made ready together. What `rewrite`
    makes of each text is sent instead of it. `verbatim` values are the server's own texts, whatever their type.
    """

    def __init__(
        self,
        name: str,
        connection: ServerConnection,
        cancel: Callable[[int], None],
        meter: Meter | None = None,
        before: bytes = b"",
        rewrite: Callable[[str], str] = str,
        *,
        verbatim: bool = False,
    ) -> None:
        self._name = name
        self._lent = connection
        self._connection = connection.pgconn
        self._backend = connection.pid
        self._ask_to_cancel = cancel
        self._meter = meter or Meter()
        self._readers: _Readers = {} if verbatim else _READERS
        self._rewrite = rewrite
        self._exchange: Exchange | None = None
        #: what is sent once the exchange that goes on is complete
        self._next: Callable[[], None] | None = None
        self._leading = False
        self._results: list[pq.abc.PGresult] = []
        self._notices: list[Notice] = []
        self._noticed = 0
        self._last_words: ServerError | None = None
        self._opening = connection.send(before) if before else None
        self._connection.notice_handler = self._receive_notice

    @property
    def name(self) -> str:
        return self._name

    @property
    def busy(self) -> bool:
        return self._exchange is not None

    @property
    def in_transaction(self) -> bool:
        return self._connection.transaction_status in _IN_TRANSACTION

    @property
    def failed(self) -> bool:
        return self._connection.transaction_status == pq.TransactionStatus.INERROR

    @property
    def backend(self) -> int:
        return self._backend

    @property
    def usable(self) -> bool:
        """False once the server has closed the connection."""
        return self._connection.status == pq.ConnStatus.OK

    def fileno(self) -> int:
        """For `select`. Raises RunError where the connection is gone."""
        try:
            return self._connection.socket
        except OperationalError as error:
            raise self._gone(error) from None

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        """Send one step; a step with parameters must be a single statement. Raises RunError, and what `rewrite` does.

        `before` is one statement of ours that shares the step's round trip; its result is `Reply.before`.
        """
        self._results, self._noticed, self._leading = [], 0, bool(before)
        sql = self._rewrite(sql)
        try:
            self.opened()
            if parameters:
                numbered_sql, names = numbered(sql)
                query = numbered_sql.encode()
                values = [_encode(parameters[name]) for name in names]
                if before:
                    self._next = lambda: self._connection.send_query_params(query, values)
                    self._connection.send_query(before.encode())
                else:
                    self._connection.send_query_params(query, values)
            else:
                self._connection.send_query(f"{before};{sql}".encode() if before else sql.encode())
        except OperationalError as error:
            raise self._gone(error) from None
        self._exchange = Exchange(self._connection, self._meter, self._overflow)

    def poll(self) -> Reply | None:
        """The reply once the server is ready for the next statement; None before. Never waits."""
        exchange = self._exchange
        if exchange is None:
            return None
        try:
            if not exchange.poll():
                return None
            self._results += exchange.results
            if self._next is not None and not _failed(self._results):
                following, self._next = self._next, None
                following()
                self._exchange = Exchange(self._connection, self._meter, self._overflow)
                return None
        except OperationalError:
            self._exchange = None
            return Reply((), ServerError(SqlState.CONNECTION_FAILURE, LOST), cuts=tuple(_cuts(exchange, ())))
        self._exchange, self._next = None, None
        return self._complete(exchange)

    def finish(self, seconds: float = 5.0) -> Reply:
        """Wait for the reply of a statement that cannot block on another session (BEGIN, ROLLBACK). Raises RunError."""
        deadline = time.monotonic() + seconds
        while (reply := self.poll()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RunError(Text.of("{session}: the server did not answer in time.", session=self._name))
            until_readable([self.fileno()], min(left, 0.05))
        return reply

    def notices(self) -> tuple[Notice, ...]:
        """Messages that arrived since the last call, in order."""
        arrived, self._notices = tuple(self._notices), []
        return arrived

    def cancel(self) -> None:
        """Ask the server to give up the running statement; its error arrives as the reply. Raises RunError."""
        try:
            self._ask_to_cancel(self._backend)
        except EngineError as error:
            raise RunError(
                Text.of("{session} could not be cancelled: {report}", session=self._name, report=error.text)
            ) from None

    def lost(self) -> ServerError | None:
        """Between two statements: why the server has closed the connection; None while it is open."""
        with suppress(OperationalError, RunError):
            while not self.busy and until_readable([self.fileno()], 0):
                self._connection.consume_input()
                self._connection.is_busy()
        if self._last_words is not None or self.usable:
            return self._last_words
        return ServerError(SqlState.CONNECTION_FAILURE, LOST)

    def opened(self) -> None:
        """Take the answer to what was sent before everything else. Raises OperationalError, RunError."""
        if self._opening is not None:
            opening, self._opening = self._opening, None
            try:
                check(opening.wait(time.monotonic() + OPEN_S))
            except EngineError as error:
                raise RunError(f"{self._name}: {error}") from None

    def _overflow(self) -> None:
        """The answer is too large. Where nobody can be asked to cancel it, the connection is closed a little later."""
        with suppress(EngineError):
            self._ask_to_cancel(self._backend)

    def _complete(self, exchange: Exchange) -> Reply:
        failed = _failed(self._results)
        finished = tuple(
            result_set(each, MAX_VALUE, self._readers) for each in self._results if each.status not in _FAILED
        )
        cuts = tuple(_cuts(exchange, finished))
        if self._noticed > MAX_NOTICES:
            cuts += (Cut(CutKind.NOTICES, MAX_NOTICES, self._noticed),)
        self._lent.large |= exchange.received > LARGE_BYTES
        self._results = []
        error = None if failed is None else _server_error(failed)
        before = finished[0] if self._leading and finished else None
        rest = finished[1:] if before is not None else finished
        # A comment, or nothing between two semicolons, is no statement: the server answers nothing.
        results = rest or (() if error else (ResultSet(""),))
        return Reply(results, error, before=before, cuts=cuts, notifications=_notifications(exchange))

    def _gone(self, error: OperationalError) -> RunError:
        sentence = Text.of("{session} lost its connection: {report}")
        return RunError(sentence.given(session=self._name, report=one_line(error)))

    def _receive_notice(self, result: pq.abc.PGresult) -> None:
        severity = _field(result, _DIAGNOSTICS.SEVERITY_NONLOCALIZED) or _field(result, _DIAGNOSTICS.SEVERITY)
        if severity in ("FATAL", "PANIC"):
            # Between two statements: the server closes the connection after it.
            self._last_words = _server_error(result)
        self._noticed += 1
        if self._noticed > (MAX_NOTICES if severity != "LOG" else 5 * MAX_NOTICES):
            return
        texts = (_field(result, _DIAGNOSTICS.MESSAGE_PRIMARY), _field(result, _DIAGNOSTICS.MESSAGE_DETAIL))
        report = (result.error_message or b"").decode(errors="replace")
        after = len(self._exchange.results) if self._exchange is not None else 0
        text, detail, report = (shortened(each, MAX_VALUE) for each in (*texts, report))
        self._notices.append(Notice(severity, text, detail, report, after))


def _failed(results: Iterable[pq.abc.PGresult]) -> pq.abc.PGresult | None:
    return next((result for result in results if result.status in _FAILED), None)


def _cuts(exchange: Exchange, results: Iterable[ResultSet]) -> Iterable[Cut]:
    if exchange.overflowed:
        yield Cut(CutKind.ANSWER, 0, exchange.received)
    if exchange.copied:
        yield Cut(CutKind.COPY, 0)
    for result in results:
        if result.columns and result.count is not None and result.count > len(result.rows):
            yield Cut(CutKind.ROWS, len(result.rows), result.count)
        if any(is_shortened(value) for row in result.rows for value in row):
            yield Cut(CutKind.VALUE, MAX_VALUE)


def _notifications(exchange: Exchange) -> tuple[Notification, ...]:
    return tuple(
        Notification(each.relname.decode(errors="replace"), each.extra.decode(errors="replace"), each.be_pid)
        for each in exchange.notifications
    )


def _encode(value: Scalar) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode()


_Readers = Mapping[int, Callable[[bytes], Scalar]]


def result_set(result: pq.abc.PGresult, longest: int | None = None, readers: _Readers | None = None) -> ResultSet:
    """Columns and rows as plain values (see `_READERS` for the types), texts cut at `longest` characters."""
    known = _READERS if readers is None else readers
    columns = tuple((result.fname(i) or b"").decode(errors="replace") for i in range(result.nfields))
    reads = [known.get(result.ftype(i), _text) for i in range(result.nfields)]
    rows: tuple[Row, ...] = tuple(
        tuple(None if (value := result.get_value(row, i)) is None else read(value) for i, read in enumerate(reads))
        for row in range(min(result.ntuples, MAX_ROWS))
    )
    if longest is not None:
        rows = tuple(tuple(shortened(value, longest) for value in row) for row in rows)
    tag = (result.command_status or b"").decode(errors="replace")
    return ResultSet(tag, columns, rows, result.command_tuples)


@overload
def shortened(value: str, longest: int) -> str: ...
@overload
def shortened(value: Scalar, longest: int) -> Scalar: ...
def shortened(value: Scalar, longest: int) -> Scalar:
    """A text that is not longer than this; what differs stays different, by a digest of the whole."""
    if not isinstance(value, str) or len(value) <= longest:
        return value
    digest = hashlib.sha256(value.encode(errors="replace")).hexdigest()[:12]
    return f"{value[:longest]}… ({len(value):,}, sha256 {digest})"


def is_shortened(value: Scalar) -> bool:
    """Whether this value is one of `shortened`'s."""
    return isinstance(value, str) and len(value) > MAX_VALUE


def _number(value: bytes) -> Scalar:
    whole = _DIGITS.issuperset(value)
    if len(value) > (_LONGEST_NUMBER if whole else _EXACT):
        return value.decode(errors="replace")
    # Infinity and NaN are numbers of this type too.
    return int(value) if whole else float(value)


_DIGITS = frozenset(b"-0123456789")
#: Digits of a number that is read as one; Python refuses far longer ones.
_LONGEST_NUMBER = 300
#: Characters of a fraction that a float keeps whole; of longer ones two that differ could become one.
_EXACT = 16


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _boolean(value: bytes) -> bool:
    return value == b"t"


#: Readers by type OID; every other type keeps the text that the server sent.
_READERS: _Readers = {
    16: _boolean,
    20: int,
    21: int,
    23: int,
    26: int,
    28: int,  # xid: the type of xmin
    5069: int,  # xid8
    700: float,
    701: float,
    1700: _number,
}


def _server_error(result: pq.abc.PGresult) -> ServerError:
    return ServerError(
        sqlstate=_field(result, _DIAGNOSTICS.SQLSTATE) or SqlState.CONNECTION_FAILURE,
        message=shortened(_field(result, _DIAGNOSTICS.MESSAGE_PRIMARY) or LOST, MAX_VALUE),
        detail=shortened(_field(result, _DIAGNOSTICS.MESSAGE_DETAIL), MAX_VALUE),
        hint=shortened(_field(result, _DIAGNOSTICS.MESSAGE_HINT), MAX_VALUE),
        severity=_field(result, _DIAGNOSTICS.SEVERITY_NONLOCALIZED) or "FATAL",
        report=shortened((result.error_message or b"").decode(errors="replace"), MAX_VALUE),
    )


def _field(result: pq.abc.PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")
