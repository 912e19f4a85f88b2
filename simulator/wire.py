"""One scheduled session on PostgreSQL's wire protocol: libpq's asynchronous calls, never waiting.

`psycopg.pq` keeps every result of a multi-statement step, delivers notices while a statement still runs, and gives
exact SQLSTATEs. The session knows nothing of schedules; it sends one step and collects what the server answers.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache

from psycopg import pq
from psycopg.errors import OperationalError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.base import PGDialect

from simulator.errors import RunError
from simulator.history import Row
from simulator.i18n import gettext as _
from simulator.model import Scalar
from simulator.replies import Notice, Reply, ResultSet, ServerError

#: Rows of one result that are kept; what follows is counted and not stored.
MAX_ROWS = 1000

#: SQLSTATE of an error that libpq reports by itself.
CONNECTION_FAILURE = "08006"

_DIAGNOSTICS = pq.DiagnosticField
_COPY = (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)
_IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)


class WireSession:
    """A `SessionConnection` on a libpq connection that somebody else opened and will take back."""

    def __init__(self, name: str, connection: pq.abc.PGconn) -> None:
        self._name = name
        self._connection = connection
        self._busy = False
        self._leading = False
        self._results: list[pq.abc.PGresult] = []
        self._notices: list[Notice] = []
        self._last_words: ServerError | None = None
        connection.notice_handler = self._receive_notice

    @property
    def name(self) -> str:
        return self._name

    @property
    def busy(self) -> bool:
        return self._busy

    @property
    def in_transaction(self) -> bool:
        return self._connection.transaction_status in _IN_TRANSACTION

    @property
    def backend(self) -> int:
        return self._connection.backend_pid

    @property
    def usable(self) -> bool:
        """False once the server has closed the connection."""
        return self._connection.status == pq.ConnStatus.OK

    def fileno(self) -> int:
        """For `select`. Raises RunError where the connection is gone."""
        try:
            return self._connection.socket
        except OperationalError as error:
            raise RunError(
                _("{session} lost its connection: {report}").format(session=self._name, report=error)
            ) from None

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        """Send one step; a step with parameters must be a single statement. Raises RunError.

        `before` is one statement of ours that shares the step's round trip; its result is `Reply.before`.
        """
        self._results = []
        self._leading = bool(before)
        try:
            if parameters and before:
                self._connection.send_query(before.encode())
                while (result := self._connection.get_result()) is not None:
                    self._results.append(result)
            if parameters:
                numbered, names = _numbered(sql)
                values = [_encode(parameters[name]) for name in names]
                self._connection.send_query_params(numbered, values)
            else:
                self._connection.send_query(f"{before};{sql}".encode() if before else sql.encode())
        except OperationalError as error:
            raise RunError(
                _("{session} lost its connection: {report}").format(session=self._name, report=_one_line(str(error)))
            ) from None
        self._busy = True

    def poll(self) -> Reply | None:
        """The reply once the server is ready for the next statement; None before. Never waits."""
        with suppress(OperationalError):
            # Where the server closed the connection, its last words may still be in the buffer.
            self._connection.consume_input()
        try:
            while not self._connection.is_busy():
                result = self._connection.get_result()
                if result is None:
                    return self._complete()
                if result.status in _COPY:
                    self._refuse_copy(result.status)
                else:
                    self._results.append(result)
        except OperationalError as error:
            self._busy = False
            return Reply((), ServerError(CONNECTION_FAILURE, _one_line(str(error))))
        return None

    def finish(self) -> Reply:
        """Wait for the reply of a statement that cannot block on another session (BEGIN, ROLLBACK)."""
        while (reply := self.poll()) is None:
            self._connection.flush()
            select.select([self], (), (), 1.0)
        return reply

    def notices(self) -> tuple[Notice, ...]:
        """Messages that arrived since the last call, in order."""
        arrived, self._notices = tuple(self._notices), []
        return arrived

    def cancel(self) -> None:
        """Ask the server to give up the running statement; its error arrives as the reply. Raises RunError."""
        try:
            self._connection.get_cancel().cancel()
        except OperationalError as error:
            raise RunError(
                _("{session} could not be cancelled: {report}").format(session=self._name, report=_one_line(str(error)))
            ) from None

    def lost(self) -> ServerError | None:
        """Between two statements: why the server has closed the connection; None while it is open."""
        with suppress(OperationalError, RunError):
            while not self._busy and select.select([self], (), (), 0)[0]:
                self._connection.consume_input()
                self._connection.is_busy()
        if self._last_words is not None or self.usable:
            return self._last_words
        return ServerError(CONNECTION_FAILURE, _one_line(self._connection.get_error_message()))

    def _complete(self) -> Reply:
        self._busy = False
        failed = next((result for result in self._results if result.status in _FAILED), None)
        finished = tuple(result_set(result) for result in self._results if result.status not in _FAILED)
        self._results = []
        error = None if failed is None else _server_error(failed)
        if self._leading and finished:
            return Reply(finished[1:], error, before=finished[0])
        return Reply(finished, error)

    def _refuse_copy(self, status: int) -> None:
        if status == pq.ExecStatus.COPY_IN:
            self._connection.put_copy_end(b"COPY FROM STDIN has no data here")
            return
        while self._connection.get_copy_data(0)[0] > 0:
            pass

    def _receive_notice(self, result: pq.abc.PGresult) -> None:
        severity = _field(result, _DIAGNOSTICS.SEVERITY_NONLOCALIZED) or _field(result, _DIAGNOSTICS.SEVERITY)
        primary = _field(result, _DIAGNOSTICS.MESSAGE_PRIMARY)
        if severity in ("FATAL", "PANIC"):
            # Between two statements: the server closes the connection after it.
            self._last_words = _server_error(result)
        self._notices.append(Notice(severity, primary, _field(result, _DIAGNOSTICS.MESSAGE_DETAIL)))


@lru_cache(maxsize=2048)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """`:name` to `$1`, by SQLAlchemy's own parser (it knows casts, strings and escapes)."""
    compiled = text(sql).compile(dialect=_DIALECT)
    return str(compiled).encode(), tuple(compiled.positiontup or ())


_DIALECT = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def _encode(value: Scalar) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return str(value).encode()


def result_set(result: pq.abc.PGresult) -> ResultSet:
    """Columns and rows as plain values; see `_READERS` for the types."""
    columns = tuple((result.fname(i) or b"").decode() for i in range(result.nfields))
    readers = [_READERS.get(result.ftype(i), _text) for i in range(result.nfields)]
    rows: tuple[Row, ...] = tuple(
        tuple(None if (value := result.get_value(row, i)) is None else read(value) for i, read in enumerate(readers))
        for row in range(min(result.ntuples, MAX_ROWS))
    )
    tag = (result.command_status or b"").decode()
    return ResultSet(tag, columns, rows, result.command_tuples)


def _number(value: bytes) -> int | float:
    return float(value) if b"." in value or b"N" in value else int(value)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _boolean(value: bytes) -> bool:
    return value == b"t"


#: Readers by type OID; every other type keeps the text that the server sent.
_READERS: Mapping[int, Callable[[bytes], Scalar]] = {
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
        sqlstate=_field(result, _DIAGNOSTICS.SQLSTATE) or CONNECTION_FAILURE,
        message=_field(result, _DIAGNOSTICS.MESSAGE_PRIMARY) or _one_line(result.get_error_message()),
        detail=_field(result, _DIAGNOSTICS.MESSAGE_DETAIL),
        hint=_field(result, _DIAGNOSTICS.MESSAGE_HINT),
    )


def _field(result: pq.abc.PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")


def _one_line(message: str) -> str:
    return " ".join(message.split())
