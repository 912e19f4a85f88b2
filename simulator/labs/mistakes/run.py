"""Runs a mistake and its fix, each in a place of its own, and says whether what was expected was observed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter

from simulator.engines.base import Engine
from simulator.history.schedule import History
from simulator.i18n.text import Text
from simulator.labs.backend.setup import setup
from simulator.labs.mistakes.entry import Between, Count, Expected, Look, Mistake, Side
from simulator.labs.mistakes.stage import Leaks, Stage
from simulator.labs.mistakes.told import ANY_ERROR, Told
from simulator.labs.mistakes.warned import listening
from simulator.labs.place import Place, open_place
from simulator.model import Row

#: The application's connections of one side: the largest pool, a migration, and the watcher.
CONNECTIONS = 14


@dataclass(frozen=True, slots=True)
class SideResult:
    """What was observed."""

    history: History
    #: by client's name
    told: tuple[Told, ...]
    #: rows of the side's `Look`
    stored: tuple[Row, ...]
    leaked: Leaks
    #: of the side's `Figure`
    figure: int | None
    #: SQLAlchemy's own, in their order
    warnings: tuple[str, ...]
    duration_ms: float
    #: one sentence for each thing that was not as expected
    differences: tuple[Text, ...]

    @property
    def as_expected(self) -> bool:
        return not self.differences

    @property
    def ok(self) -> int:
        """How many clients were told that all is well."""
        return sum(told.status < 400 for told in self.told)

    @property
    def failed(self) -> int:
        """How many clients were told that something broke (500); 404 and the like are answers."""
        return sum(told.status >= 500 for told in self.told)


@dataclass(frozen=True, slots=True)
class PairResult:
    mistake: SideResult
    fixed: SideResult

    @property
    def as_expected(self) -> bool:
        return self.mistake.as_expected and self.fixed.as_expected

    @property
    def silent(self) -> bool:
        """As it was observed: no client was told that something broke, and yet the two sides differ."""
        wrong, right = self.mistake, self.fixed
        return wrong.failed == 0 and _outcome(wrong) != _outcome(right)


def run_pair(engine: Engine, mistake: Mistake) -> PairResult:
    """The mistake, then its fix. Raises EngineBusy, EngineError, RunError (the demonstration itself failed)."""
    return PairResult(run_side(engine, mistake.mistake), run_side(engine, mistake.fixed))


def run_side(engine: Engine, side: Side) -> SideResult:
    """One side in a fresh schema; nothing is left of it on the server. Raises EngineBusy, EngineError, RunError."""
    started = perf_counter()
    with open_place(engine, _tables(), CONNECTIONS) as place, listening() as warnings:
        stage = Stage(place)
        try:
            try:
                side.run(stage)
            finally:
                stage.finish()
            leaked, stored = stage.count_leaks(), _look(place, side.look)
        finally:
            stage.reclaim()
        history, told = stage.history(), stage.told
    figure = side.figure.value(history) if side.figure else None
    differences = tuple(_differences(side.expect, told, stored, leaked, figure))
    duration_ms = (perf_counter() - started) * 1000
    return SideResult(history, told, stored, leaked, figure, tuple(warnings), duration_ms, differences)


@lru_cache(maxsize=1)
def _tables() -> tuple[str, ...]:
    """The backend's tables and rows without the knowledge base, which takes longest and which no mistake reads."""
    return setup()[:2]


def _outcome(side: SideResult) -> object:
    return side.stored, side.leaked, [(it.client, it.status, it.answer) for it in side.told]


def _look(place: Place, look: Look | None) -> tuple[Row, ...]:
    if look is None:
        return ()
    with place.quiet_engine().connect() as connection:
        return tuple(tuple(row) for row in connection.exec_driver_sql(look.query))


def _differences(
    expect: Expected, told: Sequence[Told], stored: Sequence[Row], leaked: Leaks, figure: int | None
) -> Iterator[Text]:
    yield from _told_differences(expect, told)
    if len(expect.stored) != len(stored) or not all(map(_agrees_row, expect.stored, stored)):
        yield Text.of("Stored: {seen}; expected: {expected}.", seen=str(stored), expected=str(expect.stored))
    numbers: tuple[tuple[Text, Count | None, int | None], ...] = (
        (Text.of("Connections leaked"), expect.connections, leaked.connections),
        (Text.of("Transactions leaked"), expect.transactions, leaked.transactions),
        (Text.of("Figure"), expect.figure, figure),
    )
    for name, expected, seen in numbers:
        if not _agrees(expected, seen):
            yield Text.of("{name}: {seen}; expected: {expected}.", name=name, seen=seen, expected=str(expected))


def _told_differences(expect: Expected, told: Sequence[Told]) -> Iterator[Text]:
    seen = Counter(_named(expect, it) for it in told)
    for outcome in (*expect.told, *(seen.keys() - expect.told.keys())):
        expected = expect.told.get(outcome, 0)
        if not _agrees(expected, seen[outcome]):
            others = [it.error for it in told if _named(expect, it) == ANY_ERROR]
            yield Text.of(
                "Told {outcome}: {seen}, expected {expected}. {others}",
                outcome=outcome,
                seen=seen[outcome],
                expected=str(expected),
                others=", ".join(others),
            )
    answers = {it.client: it.answer for it in told}
    for client, answer in expect.answers.items():
        if answers.get(client) != answer:
            yield Text.of(
                "{client} was answered {seen!r}; expected: {expected!r}.",
                client=client,
                seen=answers.get(client),
                expected=answer,
            )


def _named(expect: Expected, told: Told) -> str:
    """What the expectation calls this outcome."""
    return next((name for name in (told.cause, told.outcome) if name in expect.told), ANY_ERROR)


def _agrees_row(expected: Sequence[object], seen: Sequence[object]) -> bool:
    return len(expected) == len(seen) and all(map(_agrees, expected, seen))


def _agrees(expected: object, seen: object) -> bool:
    if isinstance(expected, Between):
        return isinstance(seen, int) and expected.low <= seen <= expected.high
    return expected == seen
