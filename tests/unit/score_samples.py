"""Small histories made by hand, one place for the tests of every figure that reads a history."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Evidence, Verdict
from simulator.figures.score.drawing import Drawing
from simulator.history.schedule import (
    AnyEvent,
    History,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepResumed,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.model import Isolation, Schedule

MS = 1_000_000
READ = "SELECT balance FROM accounts WHERE id = 1"
WRITE = "UPDATE accounts SET balance = :new WHERE id = 1"


def checked(drawing: Drawing) -> go.Figure:
    """The same as Plotly's own figure, which knows what there is. Raises ValueError on what there is not."""
    return go.Figure(json.loads(drawing.json))


class Script:
    """Writes a history as a run would: every call is one thing seen, one millisecond after the last."""

    def __init__(self, *sessions: str) -> None:
        self.sessions = sessions
        self.events: list[AnyEvent] = []
        self.attempt = dict.fromkeys(sessions, 1)

    def add(self, kind: Callable[..., AnyEvent], session: str, step: str | None = None, **fields: Any) -> Script:
        number = self.attempt[session]
        self.events.append(
            kind(
                seq=len(self.events),
                at_ns=(len(self.events) + 50) * MS,
                session=session,
                step=f"{session}.{step}" if step else None,
                transaction=session if number == 1 else f"{session}#{number}",
                **fields,
            )
        )
        return self

    def begin(self, session: str, isolation: Isolation = Isolation.READ_COMMITTED) -> Script:
        return self.add(TransactionBegan, session, isolation=isolation, attempt=self.attempt[session])

    def again(self, session: str, isolation: Isolation = Isolation.REPEATABLE_READ) -> Script:
        self.attempt[session] += 1
        return self.begin(session, isolation)

    def send(self, session: str, step: str, sql: str, **parameters: int) -> Script:
        return self.add(StatementStarted, session, step, sql=sql, parameters=tuple(parameters.items()))

    def done(self, session: str, step: str, tag: str, *rows: tuple[Any, ...]) -> Script:
        columns = tuple(f"c{n}" for n in range(len(rows[0]))) if rows else ()
        return self.add(StatementFinished, session, step, tag=tag, columns=columns, rows=rows)

    def read(self, session: str, step: str = "read", value: int = 100, sql: str = READ) -> Script:
        return self.send(session, step, sql).done(session, step, "SELECT 1", (value,))

    def write(self, session: str, step: str = "write", value: int = 120) -> Script:
        return self.send(session, step, WRITE, new=value).done(session, step, "UPDATE 1")

    def block(self, session: str, step: str, *by: str) -> Script:
        return self.add(StepBlocked, session, step, by=by, lock="transactionid 745 (ShareLock)")

    def resume(self, session: str, step: str, released_by: str | None) -> Script:
        return self.add(StepResumed, session, step, released_by=released_by)

    def fail(self, session: str, step: str, sqlstate: str, message: str) -> Script:
        self.add(StatementFailed, session, step, sqlstate=sqlstate, message=message)
        return self.add(TransactionEnded, session, step, outcome="aborted", sqlstate=sqlstate)

    def commit(self, session: str, step: str = "commit") -> Script:
        self.send(session, step, "COMMIT").done(session, step, "COMMIT")
        return self.add(TransactionEnded, session, step, outcome="committed", xid=700 + len(self.events))

    def skip(self, session: str, step: str, reason: str = "ended", detail: str = "") -> Script:
        return self.add(StepSkipped, session, step, reason=reason, detail=detail)

    def history(self) -> History:
        return History(self.sessions, tuple(self.events))


LOST_UPDATE = Schedule(("T1.read", "T2.read", "T1.write", "T2.write", "T1.commit", "T2.commit"))


def lost_update() -> History:
    """At READ COMMITTED: T2 waits for T1's commit, then overwrites it."""
    script = Script("T1", "T2").begin("T1").read("T1").begin("T2").read("T2").write("T1")
    script.send("T2", "write", WRITE, new=130).block("T2", "write", "T1")
    script.commit("T1").resume("T2", "write", "T1.commit").done("T2", "write", "UPDATE 1")
    return script.commit("T2").history()


def lost_update_refused() -> History:
    """At REPEATABLE READ: T2 is aborted with 40001 when T1 commits, and runs again."""
    rr = Isolation.REPEATABLE_READ
    script = Script("T1", "T2").begin("T1", rr).read("T1").begin("T2", rr).read("T2").write("T1")
    script.send("T2", "write", WRITE, new=130).block("T2", "write", "T1")
    script.commit("T1").resume("T2", "write", "T1.commit")
    script.fail("T2", "write", "40001", "could not serialize access due to concurrent update")
    script.skip("T2", "commit").again("T2", rr).read("T2", value=120).write("T2", value=150)
    return script.commit("T2").history()


def lost_update_verdict() -> Verdict:
    """The checker's answer to `lost_update`."""
    rw = Dependency("T2", "T1", DependencyKind.RW, Evidence("accounts 1", "balance", 100, 120, "T2.read", "T1.write"))
    ww = Dependency("T1", "T2", DependencyKind.WW, Evidence("accounts 1", "balance", 120, 130, "T1.write", "T2.write"))
    other = Dependency(
        "T1", "T2", DependencyKind.RW, Evidence("accounts 1", "balance", 100, 130, "T1.read", "T2.write")
    )
    return Verdict(dependencies=(rw, ww, other), anomalies=(Anomaly("P4", (rw, ww), "T2.write"),))


DEADLOCK = Schedule(("T1.a", "T2.b", "T1.b", "T2.a", "T1.commit", "T2.commit"))


def deadlock() -> History:
    """T2 closes the cycle of waits and is the victim; T1 goes on."""
    script = Script("T1", "T2").begin("T1").write("T1", "a", 1).begin("T2").write("T2", "b", 2)
    script.send("T1", "b", WRITE, new=3).block("T1", "b", "T2")
    script.send("T2", "a", WRITE, new=4).block("T2", "a", "T1").resume("T2", "a", None)
    script.fail("T2", "a", "40P01", "deadlock detected")
    script.resume("T1", "b", "T2.a").done("T1", "b", "UPDATE 1")
    return script.commit("T1").skip("T2", "commit").history()


QUEUE = Schedule(("T1.a", "T2.a", "T3.a", "T1.commit", "T2.commit", "T3.commit"))


def queue() -> History:
    """Three writers of one row: T3 waits for T1, then for T2."""
    script = Script("T1", "T2", "T3").begin("T1").write("T1", "a", 1)
    script.begin("T2").send("T2", "a", WRITE, new=2).block("T2", "a", "T1")
    script.begin("T3").send("T3", "a", WRITE, new=3).block("T3", "a", "T1")
    script.commit("T1").resume("T2", "a", "T1.commit").done("T2", "a", "UPDATE 1").block("T3", "a", "T2")
    script.commit("T2").resume("T3", "a", "T2.commit").done("T3", "a", "UPDATE 1")
    return script.commit("T3").history()
