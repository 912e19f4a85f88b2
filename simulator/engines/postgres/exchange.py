"""One query and its answer on a libpq connection: sent and taken in without ever waiting inside of libpq.

`PGconn.get_result` of psycopg's binary package holds the interpreter's lock while it waits, so one waiting statement
would stop every page. Here `select` waits, which lets others run; libpq is asked only for what has arrived. libpq keeps
a whole row, and by default a whole result, in memory before Python sees any of it, and goes on reading a long row while
more of it comes: so bytes are counted as they lie in the socket, and past the first ones handed over in pieces.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from psycopg import pq
from psycopg.errors import OperationalError
from psycopg.pq.misc import PGnotify

from simulator.errors import DeadlinePassed
from simulator.i18n.text import Text

#: Bytes of one statement's answer, its notices included; past them the statement is cancelled.
STATEMENT_BYTES = 8_000_000

#: Bytes of all answers of one run, past which no further statement of it may bring more.
RUN_BYTES = 48_000_000

#: NOTIFY messages that are kept of one statement.
MAX_NOTIFICATIONS = 200

#: libpq's buffers grow with the largest row and never shrink: past so many bytes a connection is not used again.
LARGE_BYTES = 1_000_000

#: Bytes of an answer that libpq may read by itself: what the server sends at once. No longer row has begun before.
_DIRECT_BYTES = 8192

#: Bytes that it is handed at a time after that.
_PIECE = 65_536

#: A cancelled statement has sent what was in its buffers; one that has brought so much more is not listening.
_DROP_BYTES = 4 * STATEMENT_BYTES

#: How often a waiting thread looks after what it waits for, in seconds.
TICK = 0.05

_COPY_OUT = (pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)
#: `select` knows no higher descriptor.
_SELECT_LIMIT = 1024


@dataclass(slots=True)
class Meter:
    """Bytes that the connections of one run have brought; one for all of them."""

    total: int = 0

    @property
    def full(self) -> bool:
        return self.total > RUN_BYTES


class Exchange:
    """What was sent and what comes back. `on_overflow` is called once, where the answer is larger than allowed."""

    def __init__(
        self, connection: pq.abc.PGconn, meter: Meter | None = None, on_overflow: Callable[[], None] | None = None
    ) -> None:
        self._connection = connection
        self._meter = meter or Meter()
        self._on_overflow = on_overflow
        self._copying = False
        self._unsent_end = False
        self.results: list[pq.abc.PGresult] = []
        self.notifications: list[PGnotify] = []
        #: bytes of the answer until now
        self.received = 0
        #: the answer was larger than allowed: the statement was cancelled
        self.overflowed = False
        #: COPY wanted rows from us, or sent its rows to us, and they were left out
        self.copied = False

    def poll(self) -> bool:
        """Take in what has arrived; True once the answer is complete. Raises psycopg.Error where nobody answers."""
        connection = self._connection
        unsent = connection.flush()
        self._take_in()
        while self._ready():
            result = connection.get_result()
            if result is None:
                self._take_notifications()
                return True
            if result.status == pq.ExecStatus.COPY_IN:
                self._unsent_end = self.copied = True
            elif result.status in _COPY_OUT:
                self._copying = self.copied = True
            else:
                self.results.append(result)
        if unsent or self._unsent_end:
            connection.flush()
        return False

    def wait(self, deadline: float, tick: Callable[[], None] | None = None) -> list[pq.abc.PGresult]:
        """Every result, in order. `tick` is called now and then. Raises DeadlinePassed, psycopg.Error."""
        looked = time.monotonic()
        while not self.poll():
            now = time.monotonic()
            if now > deadline:
                raise DeadlinePassed(Text.of("The server did not answer in time."))
            if tick is not None and now - looked > TICK:
                tick()
                looked = now
            until_readable([self._connection.socket], min(TICK, deadline - now))
        return self.results

    def _take_in(self) -> None:
        connection = self._connection
        waiting = _bytes_waiting(connection.socket)
        if direct := self.received + waiting <= _DIRECT_BYTES:
            piece = b""
        else:
            piece = _piece(connection.socket)
            waiting = len(piece)
        self.received += waiting
        self._meter.total += waiting
        if self.received > _DROP_BYTES:
            connection.finish()
            raise OperationalError(
                Text.of(
                    "The connection was closed: the answer was larger than {size} MB.",
                    size=STATEMENT_BYTES // 1_000_000,
                ).english()
            )
        if (self.received > STATEMENT_BYTES or self._meter.full) and not self.overflowed:
            self.overflowed = True
            if self._on_overflow is not None:
                self._on_overflow()
        with suppress(OperationalError):
            # Where the server closed the connection, its last words may still be in the buffer.
            if piece:
                _hand_over(connection, piece)
            elif direct or until_readable([connection.socket], 0):
                connection.consume_input()
        self._take_notifications()

    def _take_notifications(self) -> None:
        while (notification := self._connection.notifies()) is not None:
            if len(self.notifications) < MAX_NOTIFICATIONS:
                self.notifications.append(notification)

    def _ready(self) -> bool:
        """Whether `get_result` returns at once."""
        if self._unsent_end:
            # 0 where the buffer is full: the next look tries again
            self._unsent_end = self._connection.put_copy_end(b"COPY FROM STDIN has no data here") == 0
            return False
        while self._copying:
            size, _data = self._connection.get_copy_data(1)
            if size == 0:
                return False
            self._copying = size > 0
        return not self._connection.is_busy()


def until_readable(sockets: Sequence[int], seconds: float) -> bool:
    """Return when one of them has something to read, or after `seconds`; whether one has."""
    if max(sockets, default=0) < _SELECT_LIMIT:
        # select and not poll: poll counts in whole milliseconds.
        return bool(select.select(sockets, (), (), max(seconds, 0))[0])
    poll = select.poll()
    for each in sockets:
        poll.register(each, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1000))


def _piece(descriptor: int) -> bytes:
    """What lies in the socket, up to so many bytes; nothing where the server has closed it, or is not so far."""
    with socket.socket(fileno=os.dup(descriptor)) as server, suppress(OSError):
        return server.recv(_PIECE, socket.MSG_DONTWAIT)
    return b""


def _hand_over(connection: pq.abc.PGconn, piece: bytes) -> None:
    """Let libpq read these bytes of its server and no more: a socket with them alone stands in for its own."""
    descriptor = connection.socket
    server = os.dup(descriptor)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    try:
        ours.sendall(piece)
        os.dup2(theirs.fileno(), descriptor, inheritable=False)
        while _bytes_waiting(descriptor):
            connection.consume_input()
    finally:
        os.dup2(server, descriptor, inheritable=False)
        os.close(server)
        ours.close()
        theirs.close()


def _bytes_waiting(descriptor: int) -> int:
    (waiting,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"))
    return int(waiting)


def in_time(deadline: float) -> float:
    """Seconds that are left. Raises DeadlinePassed where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlinePassed(Text.of("The time for this run is over."))
    return left
