"""Random schedules of random transactions, each judged, and each verdict asked again in another way.

Transactions read and write a handful of rows by joins, subqueries, upserts, savepoints, numbers of a sequence, locks
and values that they saved; every schedule keeps each session's own order. `examine` says what is wrong with a verdict:
an order that does not give the same when it is run again, an anomaly at SERIALIZABLE that names no loophole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from hypothesis import strategies as st

from simulator.engines.base import Engine, Room
from simulator.execution.run import Run
from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.comparison import Content, differences
from simulator.verdict.judge import Finding
from simulator.verdict.orders import serial_orders
from simulator.verdict.run import RunResult, judged
from simulator.verdict.stages import Apart, Nested, Stage, names_of
from simulator.verdict.transactions import Seen, Transaction, committed
from simulator.verdict.types import Replayed, Serial
from simulator.verdict.words import nestable

SETUP = """
CREATE TABLE item (id int PRIMARY KEY, v int NOT NULL, g int NOT NULL);
CREATE TABLE tag (id int PRIMARY KEY, item int REFERENCES item ON DELETE CASCADE, code int UNIQUE, v int);
CREATE TABLE note (id serial PRIMARY KEY, item int REFERENCES item ON DELETE CASCADE, v int NOT NULL);
INSERT INTO item VALUES (1, 10, 1), (2, 20, 1), (3, 30, 2);
INSERT INTO tag VALUES (1, 1, 1, 0), (2, 2, 2, 0);
INSERT INTO note (item, v) VALUES (1, 1), (2, 2);
"""

#: `{i}` a row, `{n}` a value, `{g}` a group; the first ones are drawn more often, for the graph follows them all
COMMON = (
    "SELECT v FROM item WHERE id = {i}",
    "SELECT * FROM item WHERE g = {g}",
    "SELECT sum(v) FROM item WHERE g = {g}",
    "UPDATE item SET v = {n} WHERE id = {i}",
    "UPDATE item SET v = v + {n} WHERE id = {i}",
    "UPDATE item SET g = {g}, v = {n} WHERE id = {i}",
    "DELETE FROM item WHERE id = {i}",
    "INSERT INTO item VALUES ({i}, {n}, {g}) ON CONFLICT DO NOTHING",
)
RARE = (
    "SELECT sum(v) FROM item",
    "SELECT count(*) FROM note",
    "SELECT id, v FROM item WHERE id = {i} LIMIT 1",
    "SELECT id, v FROM item WHERE g = {g} ORDER BY id LIMIT 2",
    "SELECT v FROM item WHERE id = {i} FOR UPDATE",
    "SELECT * FROM item WHERE g = {g} FOR SHARE",
    "SELECT item.id, note.v FROM item JOIN note ON note.item = item.id WHERE item.g = {g}",
    "SELECT item.v, tag.v FROM item JOIN tag ON tag.item = item.id WHERE item.id = {i}",
    "SELECT EXISTS (SELECT 1 FROM item WHERE g = {g})",
    "SELECT v FROM item WHERE id IN (SELECT item FROM tag WHERE v < {g})",
    "SELECT * FROM tag WHERE code = {i}",
    "UPDATE item SET v = v + {n} WHERE g = {g}",
    "UPDATE item SET g = {g} WHERE v < {n}",
    "UPDATE item SET id = id + 1 WHERE id = {i}",
    "UPDATE item SET v = (SELECT coalesce(max(v), 0) FROM note) WHERE id = {i}",
    "UPDATE item SET v = item.v + note.v FROM note WHERE note.item = item.id AND item.id = {i}",
    "DELETE FROM item WHERE id IN (SELECT item FROM tag WHERE code = {i})",
    "DELETE FROM note WHERE v < {n}",
    "INSERT INTO item VALUES ({i}, {n}, {g})",
    "INSERT INTO item VALUES ({i}, {n}, {g}), ({i}, {n}, {g}) ON CONFLICT (id) DO NOTHING",
    "INSERT INTO item VALUES ({i}, {n}, {g}) ON CONFLICT (id) DO UPDATE SET v = excluded.v",
    "INSERT INTO item VALUES ({i}, {n}, {g}) ON CONFLICT (id) DO UPDATE SET v = item.v + 1 RETURNING v",
    "INSERT INTO item VALUES ({i}, {n}, {g}) ON CONFLICT (id) DO UPDATE SET v = item.v + 1 WHERE item.g = {g}",
    "INSERT INTO note (item, v) VALUES ({i}, {n})",
    "INSERT INTO note (item, v) VALUES ({i}, {n}) RETURNING id",
    "INSERT INTO note (item, v) SELECT id, v FROM item WHERE g = {g}",
    "INSERT INTO tag VALUES ({i}, {i}, {i}, {n})",
    "UPDATE tag SET code = {i}, v = {n} WHERE id = {i}",
    "WITH gone AS (DELETE FROM note WHERE item = {i} RETURNING v) SELECT sum(v) FROM gone",
    "SELECT v FROM item WHERE id = {i}; UPDATE item SET v = {n} WHERE id = {i}",
)
SAVED = "SELECT coalesce(sum(v), 0)::int AS n FROM item WHERE id = {i}"
USES = ("UPDATE item SET v = :saved WHERE id = {i}", "INSERT INTO note (item, v) VALUES ({i}, :saved)")
SAVEPOINTS = ("SAVEPOINT s", "ROLLBACK TO SAVEPOINT s", "RELEASE SAVEPOINT s")

LEVELS = (Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)
#: Orders that are run in both ways.
COMPARED = 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """One schedule at one level."""

    variant: Variant
    isolation: Isolation

    def __repr__(self) -> str:
        steps = (self.variant.step(key) for key in self.variant.schedule.steps)
        sessions = [f"{each.name}{' autocommit' * each.autocommit}" for each in self.variant.sessions]
        lines = [f"{self.isolation.short}: {', '.join(sessions)}", *(f"  {step.key}: {step.sql}" for step in steps)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what is wrong with it."""

    result: RunResult
    wrong: tuple[str, ...] = ()

    @property
    def skipped(self) -> bool:
        """No verdict is due: the order cannot be carried out."""
        return self.result.outcome in (Outcome.IMPOSSIBLE, Outcome.WAITS_FOR_EVER)

    @property
    def gap(self) -> bool:
        """The graph called it safe, and no serial order gives the same."""
        return self._safe and self.result.finding is Finding.UNNAMED

    @property
    def hidden(self) -> bool:
        """The graph found a cycle, and these values hide it."""
        return self.result.finding is Finding.RISK

    @property
    def _safe(self) -> bool:
        return self.result.graph.no_verdict is None and not self.result.graph.anomalies


@st.composite
def drawn(draw: st.DrawFn, isolation: Isolation, most: int = 5) -> Drawn:
    """Two to `most` sessions in a random schedule at this level."""
    count = draw(st.sampled_from([each for each in (2, 2, 2, 3, 3, 4, 5) if each <= most]))
    sessions = tuple(draw(_session(f"T{number}", 4 if count < 4 else 2)) for number in range(1, count + 1))
    turns = [each.name for each in sessions for _ in each.steps]
    draw(st.randoms(use_true_random=True)).shuffle(turns)
    left = {each.name: iter(each.steps) for each in sessions}
    keys = [next(left[name]).key for name in turns]
    variant = Variant("v", "V", sessions, Schedule(tuple(keys)), is_fix=False, expectations={})
    return Drawn(variant, isolation)


@st.composite
def _session(draw: st.DrawFn, name: str, most: int) -> SessionScript:
    texts = draw(st.lists(st.sampled_from((*COMMON, *COMMON, *COMMON, *RARE)), min_size=min(2, most), max_size=most))
    kind = draw(st.sampled_from(("plain", "plain", "plain", "saves", "savepoint", "autocommit")))
    steps = [_filled(draw, text) for text in texts]
    save: dict[int, str] = {}
    if kind == "saves":
        steps = [_filled(draw, SAVED), *steps, _filled(draw, draw(st.sampled_from(USES)))]
        save = {0: "saved"}
    elif kind == "savepoint":
        steps = [SAVEPOINTS[0], *steps, draw(st.sampled_from(SAVEPOINTS[1:])), _filled(draw, COMMON[0])]
    if kind != "autocommit":
        steps.append("COMMIT")
    return SessionScript(
        name,
        tuple(Step(f"s{place}", name, text, save=save.get(place)) for place, text in enumerate(steps)),
        autocommit=kind == "autocommit",
    )


def _filled(draw: st.DrawFn, text: str) -> str:
    # Few rows: most transactions are to meet.
    values = {"i": st.sampled_from((1, 1, 2, 2, 3, 4)), "n": st.integers(0, 40), "g": st.sampled_from((1, 1, 2))}
    return text.format(**{name: draw(each) for name, each in values.items() if f"{{{name}}}" in text})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A judged run, what its verdict was made from, and the room in which it can be asked for again."""

    result: RunResult
    room: Room
    transactions: tuple[Transaction, ...]
    content: Content


@contextmanager
def recorded(engine: Engine, scenario: Scenario, variant: Variant, isolation: Isolation) -> Iterator[Recorded]:
    """As `run_scenario` does it. Raises EngineError, MixedStepError."""
    setup = (scenario.setup, variant.setup)
    room = engine.create_room(setup, len(variant.sessions), deadline_s=20.0)
    try:
        run = Run(room, engine.capabilities(), variant, isolation, True, room.deadline)
        reason = run.play(variant.schedule, True)
        history = run.history()
        told = RunResult(
            scenario, variant, variant.schedule, isolation, engine.info(), history,
            impossible=run.impossible, waits_for_ever=run.waits_for_ever, reason=reason,
        )  # fmt: skip
        content = room.content()
        transactions = committed(history, variant, run.positions)
        yield Recorded(judged(told, run, room, room), room, transactions, content)
    finally:
        room.close()


def examine(engine: Engine, case: Drawn) -> Judged:
    """Run it, judge it, and ask the judgement again in fresh rooms. Raises EngineError."""
    scenario = Scenario("random", "Random", "isolation", 1, "", SETUP, (case.variant,))
    with recorded(engine, scenario, case.variant, case.isolation) as run:
        found = Judged(run.result)
        return found if found.skipped else Judged(run.result, tuple(_wrong(run)))


def _wrong(run: Recorded) -> Iterator[str]:
    result, replayed = run.result, run.result.replayed
    if result.outcome is Outcome.ERROR:
        yield f"an error: {result.reason}"
    if replayed.serial is Serial.UNDECIDED:
        yield f"undecided: {replayed.reason}"
    if replayed.serial is Serial.NO and result.isolation is Isolation.SERIALIZABLE and not replayed.loopholes:
        yield "an anomaly at SERIALIZABLE, and no loophole is named"
    if run.transactions:
        again = _Again(run.room, result.variant, run.transactions, run.content)
        yield from again.order(replayed)
        yield from again.ways()


@dataclass(frozen=True, slots=True)
class _Again:
    """The same transactions once more, in rooms made anew."""

    room: Room
    variant: Variant
    transactions: Sequence[Transaction]
    content: Content

    def order(self, replayed: Replayed) -> Iterator[str]:
        """What is wrong with the order that explains it."""
        by_name = {each.name: each for each in self.transactions}
        if replayed.serial is not Serial.YES:
            return
        if sorted(replayed.order) != sorted(by_name):
            yield f"the order {replayed.order} is not one of {sorted(by_name)}"
        elif self._different(Apart(self.room, self.variant), [by_name[name] for name in replayed.order]):
            yield f"the order {replayed.order} does not give the same when it is run again"

    def ways(self) -> Iterator[str]:
        """Orders that come out differently where they are nested."""
        steps = [sent.step.sql for each in self.transactions for sent in each.sent if not sent.step.ends]
        for order in islice(serial_orders(self.transactions), COMPARED if nestable((SETUP,), steps) else 0):
            apart = self._different(Apart(self.room, self.variant), order)
            self.room.renew()
            if apart != self._different(Nested(self.room, self.variant, self.room.open("replay")), order):
                yield f"{names_of(order)}: apart and nested do not agree"

    def _different(self, stage: Stage, order: Sequence[Transaction]) -> bool:
        replay = stage.run(order, _to_the_end)
        if not differences(self.transactions, replay, self.content):
            return False
        # Numbers of sequences may go to other rows where one statement takes several.
        again = Apart(self.room, self.variant, shifted=True).run(order, _to_the_end)
        return bool(differences(self.transactions, replay, self.content, [again]))


def _to_the_end(transaction: Transaction, answers: Sequence[Seen]) -> bool:
    return True
