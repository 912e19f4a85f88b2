"""Small histories by hand: one table `account (id, balance)`, sessions step by step, states seen after each commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from simulator.history.schedule import (
    Answer,
    AnyEvent,
    CommittedStateObserved,
    History,
    Matches,
    Row,
    RowVersion,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    TableRules,
    TableState,
    TransactionBegan,
    TransactionEnded,
)
from simulator.model import Isolation, Scalar
from simulator.sql.access import probes

RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ
Rows = dict[int, tuple[Scalar, ...]]


class Played:
    """Record what each step does; `history()` is what a run would have left.

    `conditions` and `answers` play the observer: SQL -> what holds for one row, SQL -> rows for all of them. `rules`:
    what the server does by itself with the table; `beside`: names of tables that stay empty.
    """

    def __init__(
        self,
        rows: Rows,
        level: Isolation = RC,
        *,
        conditions: Mapping[str, Callable[..., bool]] | None = None,
        answers: Mapping[str, Callable[[list[Row]], tuple[Row, ...]]] | None = None,
        columns: tuple[str, ...] = ("id", "balance"),
        keyed: bool = True,
        rules: TableRules | None = None,
        beside: tuple[str, ...] = (),
    ) -> None:
        self.events: list[AnyEvent] = []
        self.rows = {key: RowVersion((key,), 3, values) for key, values in rows.items()}
        self.level = level
        self.conditions = dict(conditions or {})
        self.answers = dict(answers or {})
        self.columns = columns
        self.keyed = keyed
        self.rules = rules
        self.beside = tuple(TableState(name, ("id",), ("id",), ()) for name in beside)
        self._counts: dict[str, int] = {}
        self._running: dict[str, str] = {}
        self._observe(None)

    def step(
        self, session: str, sql: str, *rows: Row, tag: str = "", parameters: tuple[tuple[str, Scalar], ...] = ()
    ) -> Played:
        """A statement that does not wait."""
        self.start(session, sql, parameters)
        return self.finish(session, *rows, tag=tag)

    def start(self, session: str, sql: str, parameters: tuple[tuple[str, Scalar], ...] = ()) -> Played:
        if session not in self._counts:
            self._add(TransactionBegan, session, isolation=self.level)
        self._counts[session] = self._counts.get(session, 0) + 1
        self._running[session] = f"{session}.{self._counts[session]}"
        return self._add(StatementStarted, session, sql=sql, parameters=parameters)

    def wait(self, session: str, lock: str = "transactionid 7 (ShareLock)") -> Played:
        return self._add(StepBlocked, session, by=("T1",), lock=lock)

    def finish(self, session: str, *rows: Row, tag: str = "") -> Played:
        return self._add(StatementFinished, session, tag=tag or f"SELECT {len(rows)}", rows=rows)

    def fail(self, session: str, sql: str, sqlstate: str = "23505") -> Played:
        """A statement that the server refuses; the transaction goes on by a ROLLBACK TO."""
        self.start(session, sql)
        return self._add(StatementFailed, session, sqlstate=sqlstate, message="")

    def alone(self, session: str, sql: str, *rows: Row, tag: str = "", **changes: tuple[Scalar, ...] | None) -> Played:
        """A statement outside of BEGIN, which commits by itself."""
        return self.step(session, sql, *rows, tag=tag).committed(session, known=False, **changes)

    def commit(
        self, session: str, *, xmin: int | None = None, look: bool = True, **changes: tuple[Scalar, ...] | None
    ) -> Played:
        """COMMIT, with the rows that it makes visible: `r1=(1, 50)`, or `r1=None` where the row is gone."""
        self.step(session, "COMMIT", tag="COMMIT")
        return self.committed(session, xmin=xmin, look=look, **changes)

    def committed(
        self,
        session: str,
        *,
        xmin: int | None = None,
        look: bool = True,
        known: bool = True,
        **changes: tuple[Scalar, ...] | None,
    ) -> Played:
        """What follows the answer to COMMIT, or, where no id is `known`, to a statement outside of BEGIN."""
        xid = (1 << 32) + len(self.events) if changes and known else None
        for name, values in changes.items():
            key = int(name.removeprefix("r"))
            self.rows.pop(key, None)
            if values is not None:
                self.rows[key] = RowVersion((key,), xmin or len(self.events), values)
        self._add(TransactionEnded, session, outcome="committed", xid=xid)
        return self._observe(session) if (changes or not known) and look else self

    def abort(self, session: str) -> Played:
        self.step(session, "ROLLBACK", tag="ROLLBACK")
        return self._add(TransactionEnded, session, outcome="rolled back")

    def history(self) -> History:
        return History(tuple(self._counts), tuple(self.events))

    def _observe(self, transaction: str | None) -> Played:
        table = TableState(
            "account", self.columns, ("id",) if self.keyed else (), tuple(self.rows.values()), rules=self.rules
        )
        self.events.append(
            CommittedStateObserved(
                seq=len(self.events),
                at_ns=len(self.events),
                transaction=transaction,
                tables=(table, *self.beside),
                matches=tuple(self._matches(sql, holds) for sql, holds in self._conditions()),
                answers=tuple(
                    Answer(sql, answer([row.values for row in self.rows.values()]))
                    for sql, answer in self.answers.items()
                ),
            )
        )
        return self

    def _conditions(self) -> list[tuple[str, Callable[..., bool]]]:
        by_key = [(f"id = {n}", lambda *values, n=n: values[0] == n) for n in range(1, 10)]
        return [*by_key, *self.conditions.items()]

    def _matches(self, sql: str, holds: Callable[..., bool]) -> Matches:
        (table, condition), *_ = probes([f"SELECT * FROM account WHERE {sql}"]).conditions
        return Matches(table, condition, tuple(row.key for row in self.rows.values() if holds(*row.values)))

    def _add(self, kind: Callable[..., AnyEvent], session: str, **fields: object) -> Played:
        name = re.sub(r"[:#].*$", "", session)
        step = self._running.get(session)
        seq = len(self.events)
        self.events.append(kind(seq=seq, at_ns=seq, session=name, transaction=session, step=step, **fields))
        return self
