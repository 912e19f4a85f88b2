"""Many concurrent requests on one shared database, recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
import psycopg2
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

from simulator.engines.base import Engine
from simulator.history import History
from simulator.i18n import gettext as _
from simulator.labs.backend.documents import question
from simulator.labs.backend.setup import AGENTS, CONVERSATIONS, setup
from simulator.labs.lifecycle.catalogue import Mix, RequestKind, deal
from simulator.labs.lifecycle.kinds import Job
from simulator.labs.lifecycle.kinds_async import AsyncJob
from simulator.labs.lifecycle.settings import Settings
from simulator.labs.place import Place, open_place
from simulator.recorder import BackendWatch, Recorder, trace

MAX_REQUESTS = 50
MAX_LLM_S = 5.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be run: so many requests of a mix, arriving evenly over `spread_s` seconds (0: all at once)."""

    mix: Mix
    requests: int = 12
    #: how long the model's service takes for one answer
    llm_s: float = 0.2
    spread_s: float = 0.0
    is_async: bool = False
    #: after half of the requests the server ends every connection, and the others find them dead in the pool
    kill_half_way: bool = False
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What happened; `kinds` are the requests' kinds in the order of their numbers."""

    load: Load
    kinds: tuple[RequestKind, ...]
    history: History
    #: rows of `messages` that the run added
    messages: int
    #: connections that were not back in the pool when every request had ended
    leaked: int
    #: connections that the server ended half-way
    killed: int = 0


def request_name(number: int) -> str:
    """As the recorder and the timeline call it."""
    return f"request {number}"


def run_load(engine: Engine, load: Load) -> LoadResult:
    """Send the requests and wait for all of them. Raises EngineBusy, EngineError.

    An error that SQLAlchemy raises, a time-out of the pool too, ends its request and is in the history.
    """
    kinds = deal(load.mix, load.requests)
    with open_place(engine, setup(), load.settings.connections(load.requests) + 2) as place:
        before = _messages(place)
        sent = _asynchronous(place, load, kinds) if load.is_async else _threaded(place, load, kinds)
        return LoadResult(load, kinds, sent.history, _messages(place) - before, sent.leaked, sent.killed)


class _Sent(NamedTuple):
    """As in LoadResult."""

    history: History
    leaked: int
    killed: int


Wave = Sequence[tuple[int, RequestKind]]


def _waves(load: Load, kinds: Sequence[RequestKind]) -> list[Wave]:
    """Numbers and kinds of those that are on their way together: all, or half and half."""
    numbered = list(enumerate(kinds, start=1))
    half = (len(numbered) + 1) // 2
    waves = [numbered[:half], numbered[half:]] if load.kill_half_way else [numbered]
    return [wave for wave in waves if wave]


def _threaded(place: Place, load: Load, kinds: Sequence[RequestKind]) -> _Sent:
    """A thread a request, as a server with a thread pool has it."""
    engine = place.create_engine(**load.settings.engine_arguments())
    session_local = sessionmaker(engine, **load.settings.session_arguments())
    with trace(engine, session_local) as recorder, BackendWatch(recorder.tape, lambda: place.connect("watch")):
        killed, never = 0, threading.Event()

        def request(gate: threading.Barrier, after_s: float, number: int, kind: RequestKind) -> None:
            gate.wait()
            never.wait(after_s)
            _serve(recorder, session_local, _job(recorder, load, number), kind)

        for turn, wave in enumerate(_waves(load, kinds)):
            killed += place.end_backends() if turn else 0
            gate, first = threading.Barrier(len(wave)), wave[0][0]
            with ThreadPoolExecutor(len(wave), thread_name_prefix="txscope-request") as threads:
                sent = [threads.submit(request, gate, _arrival(load, each[0], first), *each) for each in wave]
                for each in sent:
                    each.result()
    return _Sent(recorder.history(), int(engine.pool.checkedout()), killed)  # type: ignore[attr-defined]


def _serve(recorder: Recorder, session_local: sessionmaker[Session], job: Job, kind: RequestKind) -> None:
    with _told(kind), recorder.request(request_name(job.number), kind.key, kind.title):
        kind.run(session_local, job)


def _asynchronous(place: Place, load: Load, kinds: Sequence[RequestKind]) -> _Sent:
    """A task a request, all in one thread, which is not the caller's: that one may have a loop of its own."""
    with ThreadPoolExecutor(1, thread_name_prefix="txscope-loop") as loop:
        return loop.submit(asyncio.run, _tasks(place, load, kinds)).result()


async def _tasks(place: Place, load: Load, kinds: Sequence[RequestKind]) -> _Sent:
    engine = place.create_async_engine(**load.settings.engine_arguments())
    session_local = async_sessionmaker(engine, **load.settings.session_arguments())
    try:
        with trace(engine, session_local) as recorder, BackendWatch(recorder.tape, lambda: place.connect("watch")):
            killed = 0

            async def request(after_s: float, number: int, kind: RequestKind) -> None:
                await asyncio.sleep(after_s)
                await _serve_async(recorder, session_local, _async_job(recorder, load, number), kind)

            for turn, wave in enumerate(_waves(load, kinds)):
                killed += await asyncio.to_thread(place.end_backends) if turn else 0
                async with asyncio.TaskGroup() as tasks:
                    for each in wave:
                        tasks.create_task(request(_arrival(load, each[0], wave[0][0]), *each))
            return _Sent(recorder.history(), int(engine.pool.checkedout()), killed)  # type: ignore[attr-defined]
    finally:
        await engine.dispose()


async def _serve_async(
    recorder: Recorder, session_local: async_sessionmaker[AsyncSession], job: AsyncJob, kind: RequestKind
) -> None:
    with _told(kind), recorder.request(request_name(job.number), kind.key, kind.title):
        await kind.run_async(session_local, job)


@contextmanager
def _told(kind: RequestKind) -> Iterator[None]:
    """An error ends its request, and the recorder has it; one that is no lesson ends the run."""
    # The drivers' own, too: a request that works on the driver's cursor is told by the driver that its connection died.
    lessons = (SQLAlchemyError, psycopg.Error, psycopg2.Error, kind.expected_error or SQLAlchemyError)
    try:
        yield
    except lessons:
        return


def _job(recorder: Recorder, load: Load, number: int) -> Job:
    def llm(_prompt: str) -> str:
        with recorder.work(_("LLM"), "llm"):
            threading.Event().wait(load.llm_s)
        return "An answer."

    return Job(number, *_subject(number), llm)


def _async_job(recorder: Recorder, load: Load, number: int) -> AsyncJob:
    async def llm(_prompt: str) -> str:
        with recorder.work(_("LLM"), "llm"):
            await asyncio.sleep(load.llm_s)
        return "An answer."

    return AsyncJob(number, *_subject(number), llm)


def _subject(number: int) -> tuple[int, int, str]:
    """Conversation, agent and text of a request; requests take turns."""
    turn = number - 1
    return 1 + turn % CONVERSATIONS, 1 + turn % AGENTS, question(number)


def _arrival(load: Load, number: int, first: int) -> float:
    """Seconds after the request `first`."""
    return load.spread_s * (number - first) / max(1, load.requests - 1)


def _messages(place: Place) -> int:
    ((count,),) = place.ask("SELECT count(*) FROM messages")
    return int(str(count))
