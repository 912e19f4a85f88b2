"""What the recorder costs a request of one SELECT: batches of it and of its untraced twin, in turn.

The twin has an engine of its own: one that was traced once goes SQLAlchemy's slower way for engines with listeners ever
after. Beside them, what listeners cost that do nothing: less than that no recorder by SQLAlchemy's events can cost.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from benchmarks.measure import server
from simulator.labs.place import Place, open_place
from simulator.recorder import trace

SETUP = ("CREATE TABLE message (id integer PRIMARY KEY, content text)", "INSERT INTO message VALUES (1, 'hello')")
#: requests in a batch: few, since the machine changes its speed from one tenth of a second to the next
BATCH = 5
#: fresh schemas and connections: two backends of one server differ by some hundredths as long as they live
ROUNDS = 15

Batch = Callable[[], Awaitable[None]]


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "message"
    id: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[str]


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    limit: float
    #: (engine, sessionmaker) -> the trace
    trace: Callable[[Any, Any], AbstractContextManager[Any]]


#: what the first case hears of one request
_ENGINE = ("checkout", "begin", "before_cursor_execute", "after_cursor_execute", "rollback", "reset", "checkin")
_SESSION = ("after_transaction_create", "after_begin", "after_rollback", "after_transaction_end")


@contextmanager
def _idle(engine: Any, maker: Any) -> Iterator[None]:
    sync_engine = getattr(engine, "sync_engine", engine)
    sessions = Session if isinstance(maker, async_sessionmaker) else maker
    heard = [(sync_engine, name) for name in _ENGINE] + [(sessions, name) for name in _SESSION]
    for target, name in heard:
        event.listen(target, name, _nothing)
    yield
    for target, name in heard:
        event.remove(target, name, _nothing)


def _nothing(*_: object) -> None:
    return


_LIGHT = {"sessions": False, "objects": False, "lines": False}
CASES = (
    Case("SQL, pool and transactions", 1.10, lambda engine, _: trace(engine, **_LIGHT)),
    Case("and Sessions", math.inf, lambda engine, _: trace(engine, objects=False, lines=False)),
    Case("everything", 1.25, trace),
    Case("listeners that do nothing", math.inf, _idle),
)
DRIVERS = ("psycopg2", "asyncio on psycopg 3")


def main(pairs: int = 40) -> bool:
    """So many pairs of batches a round."""
    ratios: dict[tuple[str, Case], list[float]] = {(driver, case): [] for case in CASES for driver in DRIVERS}
    with server() as engine:
        for _ in range(ROUNDS):
            for driver, case in ratios:
                with open_place(engine, SETUP, 4) as place:
                    measure = _sync if driver == "psycopg2" else _async
                    ratios[driver, case] += asyncio.run(measure(place, case, pairs))
    reached = [_report(f"{driver}, {case.name}", found, case.limit) for (driver, case), found in ratios.items()]
    return all(reached)


async def _sync(place: Place, case: Case, pairs: int) -> list[float]:
    def twin() -> tuple[Any, Any, Batch]:
        engine = place.create_engine()
        maker = sessionmaker(engine)

        async def batch() -> None:
            for _ in range(BATCH):
                with maker() as session:
                    session.scalars(select(Message).limit(1)).all()

        return engine, maker, batch

    (engine, maker, traced), (_, _, plain) = twin(), twin()
    with case.trace(engine, maker):
        return await _ratios(traced, plain, pairs)


async def _async(place: Place, case: Case, pairs: int) -> list[float]:
    def twin() -> tuple[Any, Any, Batch]:
        engine = place.create_async_engine()
        maker = async_sessionmaker(engine)

        async def batch() -> None:
            for _ in range(BATCH):
                async with maker() as session:
                    (await session.scalars(select(Message).limit(1))).all()

        return engine, maker, batch

    (engine, maker, traced), (other, _, plain) = twin(), twin()
    try:
        with case.trace(engine, maker):
            return await _ratios(traced, plain, pairs)
    finally:
        await engine.dispose()
        await other.dispose()


async def _ratios(traced: Batch, plain: Batch, pairs: int) -> list[float]:
    """Traced time over untraced time of each two neighbours; which of the two goes first changes every time."""
    for _ in range(20):
        await traced()
        await plain()
    ratios = []
    for number in range(pairs):
        order = (traced, plain) if number % 2 else (plain, traced)
        times = {batch: await _timed(batch) for batch in order}
        ratios.append(times[traced] / times[plain])
    return ratios


async def _timed(batch: Batch) -> float:
    """Seconds of a batch."""
    started = time.perf_counter()
    await batch()
    return time.perf_counter() - started


def _report(name: str, ratios: Sequence[float], limit: float) -> bool:
    median = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios, n=4)
    verdict = f"   limit ×{limit:.2f}: {'reached' if median <= limit else 'NOT REACHED'}" if limit < math.inf else ""
    print(f"{name:50} median ×{median:.3f}   half within ×{low:.3f} and ×{high:.3f}   n {len(ratios)}{verdict}")
    return median <= limit
