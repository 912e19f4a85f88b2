"""The connection that reads a run's rows: it has the run's own role, so what hides in a table has no more than that."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import pq

from simulator.engines.postgres.connection import Refused, ServerConnection, TooLarge
from simulator.engines.postgres.exchange import Meter
from simulator.errors import DeadlinePassed, NotObservedError
from simulator.i18n.text import NOTHING, Text


class Reader:
    """`deadline` tells the run's, in monotonic seconds; `patrol` is called now and then; `cancel` ends a backend's
    statement, from another connection."""

    def __init__(
        self,
        connection: ServerConnection,
        meter: Meter,
        deadline: Callable[[], float],
        patrol: Callable[[], None],
        cancel: Callable[[int], None],
    ) -> None:
        self.connection = connection
        self._meter, self._deadline, self._patrol, self._cancel = meter, deadline, patrol, cancel
        #: why the tables are not looked at any more
        self._too_large = NOTHING

    @property
    def pid(self) -> int:
        return self.connection.pid

    @property
    def usable(self) -> bool:
        return self.connection.usable

    @property
    def idle(self) -> bool:
        """Whether no transaction is open."""
        return self.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE

    def read(self, query: bytes) -> list[pq.abc.PGresult]:
        """Every result of one round trip. Raises DeadlinePassed, EngineError, and what `patrol` does."""
        try:
            return self.connection.query(
                query,
                self._deadline(),
                tick=self._patrol,
                meter=self._meter,
                on_overflow=lambda: self._cancel(self.pid),
            )
        except DeadlinePassed:
            sentence = Text.of("The run took too long and was stopped while its rows were read.")
            raise DeadlinePassed(sentence) from None

    def transaction(self, query: bytes) -> list[pq.abc.PGresult]:
        """The same for a transaction of its own, which a failure does not leave open."""
        try:
            return self.read(query)
        except (Refused, TooLarge):
            if self.connection.pgconn.transaction_status == pq.TransactionStatus.INERROR:
                self.read(b"ROLLBACK")
            raise

    def look(self, query: bytes) -> list[pq.abc.PGresult]:
        """The same for the tables; once they are too large, they are not asked for again. Raises NotObservedError."""
        if self._too_large:
            raise NotObservedError(self._too_large)
        try:
            return self.transaction(query)
        except TooLarge as error:
            self._too_large = Text.of("The tables are too large to be looked at. {reason}", reason=error.text)
            raise NotObservedError(self._too_large) from None
        except Refused as error:
            raise NotObservedError(error.text) from None
